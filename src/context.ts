import type { LinearMemory } from "./memory.js";
import type { DType } from "./types.js";

/** What all arguments of a call have in common: what errors call it, where the kernels work, and the rows that it takes. */
export interface CallContext {
  readonly call: string;
  readonly memory: LinearMemory;
  readonly dtype: DType;
  /** Elements in a row. */
  readonly size: number;
}
