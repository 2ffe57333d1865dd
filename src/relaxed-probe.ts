/**
 * The smallest module that uses relaxed SIMD, so that only an engine that has it accepts the module:
 *
 *   (module (func (result v128)
 *     i32.const 0  i8x16.splat  i32.const 0  i8x16.splat  i32.const 0  i8x16.splat  f32x4.relaxed_madd))
 */
// biome-ignore format: one line for each section
const PROBE = Uint8Array.of(
  0, 97, 115, 109, 1, 0, 0, 0, // magic, version
  1, 5, 1, 96, 0, 1, 123, // types: one function, no parameters, result v128
  3, 2, 1, 0, // functions: one, of that type
  10, 19, 1, 17, 0, // code: one body of 17 bytes, no locals
  65, 0, 253, 15, 65, 0, 253, 15, 65, 0, 253, 15, // three times i32.const 0, i8x16.splat
  253, 133, 2, // f32x4.relaxed_madd
  11, // end
);

/** Whether this engine has relaxed SIMD. */
export function hasRelaxedSimd(): boolean {
  return WebAssembly.validate(PROBE);
}
