import type { LinearMemory } from "./memory.js";
import type { DType } from "./types.js";

/** What the checks of all arguments of a call need to know. */
export interface CallContext {
  /** The name of the call in error messages. */
  readonly call: string;
  /** The memory that the kernels work on. */
  readonly memory: LinearMemory;
  /** The storage of the batches. */
  readonly dtype: DType;
  /** Elements in a row. */
  readonly size: number;
}
