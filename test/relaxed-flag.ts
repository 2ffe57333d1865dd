import { readFileSync } from "node:fs";
import { setFlagsFromString } from "node:v8";

/** Turns on relaxed SIMD if it is still behind a flag, as in Node 20. Fails if the engine has none. */
export function enableRelaxedSimd(): void {
  const relaxed = readFileSync(new URL("../build/adanorm.relaxed.wasm", import.meta.url));
  if (!WebAssembly.validate(relaxed)) setFlagsFromString("--experimental-wasm-relaxed-simd");
  if (!WebAssembly.validate(relaxed)) throw new Error("this runtime has no relaxed SIMD, flag or no flag");
}
