/**
 * The element types, by plain arithmetic on doubles that has nothing in common with the kernels' conversions. A number is
 * divided by the spacing of the type at that number, a power of two, and the quotient is rounded to an integer, ties to
 * even. Overflow and subnormals need no special case, because bits and numbers have the same order.
 */
import type { DType } from "adanorm";

/** What elements are in: f32 themselves, or the bits of the others. */
export type Elements = Float32Array | Uint16Array;

export interface Storage {
  readonly dtype: DType;
  /** Bits of the fraction. */
  readonly fraction: number;
  /** The exponents of the smallest normal number and of the largest. */
  readonly least: number;
  readonly most: number;
  /** The largest finite number. */
  readonly largest: number;
}

function storage(dtype: DType, fraction: number, most: number): Storage {
  return { dtype, fraction, least: 1 - most, most, largest: (2 - 2 ** -fraction) * 2 ** most };
}

export const STORAGES: Readonly<Record<DType, Storage>> = {
  f32: storage("f32", 23, 127),
  f16: storage("f16", 10, 15),
  bf16: storage("bf16", 7, 127),
};

const bits = new DataView(new ArrayBuffer(8));

/** The exponent of a double: floor(log2 |value|). */
export function exponentOf(value: number): number {
  bits.setFloat64(0, value);
  return ((bits.getUint32(0) >>> 20) & 0x7ff) - 1023;
}

/** The spacing of the type at a value; for values beyond the type, the spacing at its largest number. */
export function spacingAt(value: number, { fraction, least, most }: Storage): number {
  return 2 ** (Math.min(Math.max(exponentOf(value), least), most) - fraction);
}

/** 2^52: a double of that size has no fraction, so adding it rounds to an integer, ties to even. */
const WHOLE = 2 ** 52;

/** The bits of the element nearest to a value. */
function bitsOf(value: number, { fraction, least, most }: Storage): number {
  const infinity = (2 * most + 1) * 2 ** fraction;
  if (Number.isNaN(value)) return infinity + 2 ** (fraction - 1);
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const magnitude = Math.abs(value);
  if (magnitude >= 2 ** (most + 1)) return sign + infinity;
  const exponent = Math.max(exponentOf(magnitude), least);
  const units = magnitude / 2 ** (exponent - fraction) + WHOLE - WHOLE;
  return sign + (exponent - least) * 2 ** fraction + units;
}

function numberOf(element: number, { fraction, least, most }: Storage): number {
  const sign = element < 0x8000 ? 1 : -1;
  const exponent = (element & 0x7fff) >>> fraction;
  const units = element % 2 ** fraction;
  if (exponent === 2 * most + 1) return units === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  if (exponent === 0) return sign * units * 2 ** (least - fraction);
  return sign * (2 ** fraction + units) * 2 ** (exponent - 1 + least - fraction);
}

/** All elements of a 16-bit type, by their bits. */
function tableOf(dtype: DType): Float32Array {
  return Float32Array.from({ length: 2 ** 16 }, (_, element) => numberOf(element, STORAGES[dtype]));
}

const TABLES: Readonly<Record<string, Float32Array>> = { f16: tableOf("f16"), bf16: tableOf("bf16") };

/** Numbers as elements of a type, each rounded once. */
export function encode(values: ArrayLike<number>, dtype: DType): Elements {
  if (dtype === "f32") return values instanceof Float32Array ? values : Float32Array.from(values);
  const storage = STORAGES[dtype];
  const elements = new Uint16Array(values.length);
  for (let i = 0; i < elements.length; i++) elements[i] = bitsOf(values[i] as number, storage);
  return elements;
}

/** The numbers that the elements represent: f32 holds all of them. */
export function decode(elements: Elements, dtype: DType): Float32Array {
  if (elements instanceof Float32Array) return elements;
  const table = TABLES[dtype] as Float32Array;
  const values = new Float32Array(elements.length);
  for (let i = 0; i < values.length; i++) values[i] = table[elements[i] as number] as number;
  return values;
}

/** Numbers rounded to a type; those beyond the type become its largest number. */
export function held(values: Float32Array, dtype: DType): Float32Array {
  const { largest } = STORAGES[dtype];
  const within = values.map((value) => Math.min(Math.max(value, -largest), largest));
  return decode(encode(within, dtype), dtype);
}
