/** The kernels without the facade: a call's block, written field by field. */
import { CALL } from "../src/layout.ts";

type Field = Exclude<keyof typeof CALL, "bytes">;

/** What a call holds: 0 for what is left out. */
export type CallFields = { [name in Field]?: number };

/** The fields that are f64; all others are 32 bits wide. */
const WIDE: ReadonlySet<string> = new Set<Field>(["eps", "scale", "k"]);

/** Writes a call to linear memory, and returns its address. */
export function writeCall(memory: WebAssembly.Memory, pointer: number, fields: CallFields): number {
  new Uint8Array(memory.buffer, pointer, CALL.bytes).fill(0);
  const view = new DataView(memory.buffer, pointer, CALL.bytes);
  for (const [name, value] of Object.entries(fields)) {
    const at = CALL[name as Field];
    if (WIDE.has(name)) view.setFloat64(at, value, true);
    else view.setUint32(at, value, true);
  }
  return pointer;
}
