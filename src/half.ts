/** The 16-bit element types in plain double precision: what the reference rounds by, and what tests check against. */
import type { DType } from "./types.js";

/** Bits of the fraction, and the exponent of the smallest normal number; 2 - that of it is the largest. */
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
  // A whole number of units in the last place. With its leading bit it counts on from the exponent before it.
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
 * Numbers in the array that holds them as a dtype: rounded to the nearest, ties to even, to infinity where they are too
 * large. NaN stays NaN.
 *
 * @param values the numbers.
 * @param dtype how they are to be stored.
 * @returns for `"f32"` a Float32Array, for `"f16"` and `"bf16"` their bits in a Uint16Array.
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
 * @param elements f32 as they are; f16 and bf16 as their bits.
 * @param dtype how they are stored.
 * @returns the numbers, exactly.
 */
export function decode(elements: ArrayLike<number>, dtype: DType): Float64Array {
  if (dtype === "f32") return Float64Array.from(elements);
  const values = new Float64Array(elements.length);
  for (let i = 0; i < values.length; i++) values[i] = fromBits(elements[i] as number, FORMATS[dtype]);
  return values;
}
