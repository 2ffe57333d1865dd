/** The 16-bit element types in plain double precision. The reference rounds with them, and tests compare with them. */
import type { DType } from "./types.js";

/** The bits of the fraction, and the exponent of the smallest normal number. The largest exponent is 1 - least. */
const FORMATS = { f16: { fraction: 10, least: -14 }, bf16: { fraction: 7, least: -126 } } as const;

/** One format: a member of {@link FORMATS}. */
type Format = (typeof FORMATS)[keyof typeof FORMATS];

function toBits(value: number, { fraction, least }: Format): number {
  const infinity = 0x8000 - 2 ** fraction;
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const magnitude = Math.abs(value);
  if (Number.isNaN(value)) return infinity + 2 ** (fraction - 1);
  // log2 is rounded: next to a power of two it may be one off, and that power is what the number is rounded to either way.
  const exponent = Math.max(Math.floor(Math.log2(magnitude)), least);
  if (exponent > 1 - least) return sign + infinity;
  // The magnitude in units of the last place. In a normal number it includes the leading bit, which adds 1 to the exponent
  // field below.
  const units = magnitude / 2 ** (exponent - fraction);
  const down = Math.floor(units);
  const rest = units - down;
  const rounded = rest > 0.5 || (rest === 0.5 && down % 2 === 1) ? down + 1 : down;
  return sign + Math.min((exponent - least) * 2 ** fraction + rounded, infinity);
}

function fromBits(bits: number, { fraction, least }: Format): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const field = (bits & 0x7fff) >> fraction;
  const rest = bits & (2 ** fraction - 1);
  if (field === 0x7fff >> fraction) return rest === 0 ? sign * Infinity : NaN;
  const units = field === 0 ? rest : rest + 2 ** fraction;
  return sign * units * 2 ** (Math.max(field, 1) - 1 + least - fraction);
}

/**
 * Stores numbers as elements of a dtype. Rounds to the nearest, ties to even; numbers that are too large become infinity.
 * NaN stays NaN.
 *
 * @param values the numbers.
 * @param dtype the storage of the result.
 * @returns for `"f32"` a Float32Array; for `"f16"` and `"bf16"` a Uint16Array of their bits.
 */
export function encode(values: ArrayLike<number>, dtype: DType): Float32Array | Uint16Array {
  if (dtype === "f32") return Float32Array.from(values);
  const bits = new Uint16Array(values.length);
  for (let i = 0; i < bits.length; i++) bits[i] = toBits(values[i] as number, FORMATS[dtype]);
  return bits;
}

/**
 * The numbers that an array holds as elements of a dtype.
 *
 * @param elements f32 as numbers; f16 and bf16 as their bits.
 * @param dtype the storage of the elements.
 * @returns the numbers, exactly.
 */
export function decode(elements: ArrayLike<number>, dtype: DType): Float64Array {
  if (dtype === "f32") return Float64Array.from(elements);
  const values = new Float64Array(elements.length);
  for (let i = 0; i < values.length; i++) values[i] = fromBits(elements[i] as number, FORMATS[dtype]);
  return values;
}
