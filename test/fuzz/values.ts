/** The rows, gradients and parameters of random cases. */
import type { DType } from "adanorm";
import type { Random } from "../accuracy/random.ts";
import { type Elements, encode, STORAGES } from "../accuracy/storage.ts";

/** Fills one row. */
type Fill = (row: Float64Array, random: Random, dtype: DType) => void;

/** Rows of independent elements. */
function elements(draw: (random: Random, i: number, dtype: DType) => number): Fill {
  return (row, random, dtype) => {
    for (let i = 0; i < row.length; i++) row[i] = draw(random, i, dtype);
  };
}

/** Normally distributed about a mean, both drawn for each row. */
function normal(draw: (random: Random, dtype: DType) => [mean: number, sigma: number]): Fill {
  return (row, random, dtype) => {
    const [mean, sigma] = draw(random, dtype);
    for (let i = 0; i < row.length; i++) row[i] = mean + sigma * random.normal();
  };
}

const ordinary = normal(() => [0, 1]);

const pick = <T>(random: Random, from: readonly T[]) => from[random.integer(from.length)] as T;

/** Ordinary elements, with `value` once in every `period`. */
function outliers(row: Float64Array, random: Random, period: number, dtype: DType): void {
  const largest = dtype === "f16" ? 4 : 6;
  const value = random.sign() * 10 ** random.between(1, largest);
  if (random.uniform() < 0.5) ordinary(row, random, dtype);
  else for (let i = 0; i < row.length; i++) row[i] = i % 2 === 0 ? 1 : -1;
  // Beside some, the others vanish.
  const scale = random.uniform() < 0.5 ? 1 : 2 ** random.between(dtype === "f16" ? -10 : -20, 0);
  for (let i = 0; i < row.length; i++) row[i] = scale * (row[i] as number);
  for (let i = random.integer(Math.min(period, row.length)); i < row.length; i += period) row[i] = value;
}

/** The values that are not finite, and the largest numbers. */
const SPECIAL = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];

const largestOf = (dtype: DType) => STORAGES[dtype].largest;

const FILLS = {
  normal: ordinary,
  uniform: elements((random) => random.uniform()),
  offset: normal((random) => [random.sign() * 10 ** random.between(-1, 7), 1]),
  huge: normal((random, dtype) => [0, dtype === "f16" ? 2 ** random.between(8, 14) : 10 ** random.between(10, 30)]),
  tiny: normal((random, dtype) => [0, dtype === "f16" ? 2 ** random.between(-14, -8) : 10 ** random.between(-30, -10)]),
  subnormal: normal((random, dtype) => [0, 2 ** (STORAGES[dtype].least - random.between(0, 20))]),
  constant: (row, random) => row.fill(random.sign() * 10 ** random.between(-3, 4)),
  "near-constant": (row, random, dtype) => {
    const value = 2 ** random.between(-3, 4);
    const step = 2 ** (Math.floor(Math.log2(value)) - STORAGES[dtype].fraction);
    for (let i = 0; i < row.length; i++) row[i] = value + step * (random.integer(8) === 0 ? random.sign() : 0);
  },
  "one outlier": (row, random, dtype) => outliers(row, random, row.length, dtype),
  "periodic outliers": (row, random, dtype) => outliers(row, random, pick(random, [4, 8, 16, 32, 64, 128]), dtype),
  "one-hot": (row, random, dtype) => {
    row.fill(0);
    row[random.integer(row.length)] = random.sign() * 10 ** random.between(-3, dtype === "f16" ? 4 : 6);
  },
  zeros: elements((random) => 0 * random.sign()),
  alternating: (row, random) => {
    const value = 2 ** random.between(-10, 10);
    for (let i = 0; i < row.length; i++) row[i] = i % 2 === 0 ? value : -value;
  },
  "heavy-tailed": elements((random) => Math.tan(Math.PI * (random.uniform() - 0.5))),
  special: (row, random, dtype) => {
    ordinary(row, random, dtype);
    row[random.integer(row.length)] = pick(random, SPECIAL);
  },
  largest: elements((random, _i, dtype) => (random.integer(3) - 1) * largestOf(dtype)),
  integers: elements((random) => random.integer(9) - 4),
  step: (row, random) => row.fill(0).fill(random.sign() * 2 ** random.between(-8, 8), random.integer(row.length)),
} satisfies Record<string, Fill>;

export type Family = keyof typeof FILLS;

export const FAMILIES = Object.keys(FILLS) as Family[];

/** The families of rows of x: "mixed" takes another family for each row. */
export const X_FAMILIES: readonly (Family | "mixed")[] = [...FAMILIES, "mixed"];

/**
 * Gradients. Their magnitudes relative to those of x are drawn too. There are no infinities, because their differences
 * are NaN.
 */
export const DY_FAMILIES = [
  "normal",
  "normal",
  "constant",
  "one-hot",
  "zeros",
  "uniform",
  "integers",
  "heavy-tailed",
  "alternating",
  "no number",
] as const;

export type DyFamily = (typeof DY_FAMILIES)[number];

export const PARAM_FAMILIES = ["near one", "normal", "zeros", "constant", "large", "small"] as const;

export type ParamFamily = (typeof PARAM_FAMILIES)[number];

/** Numbers as they are stored. Those beyond the storage become its largest number, and infinities stay. */
function stored(values: Float64Array, dtype: DType): Elements {
  const most = largestOf(dtype);
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number;
    if (Math.abs(value) > most && Math.abs(value) !== Number.POSITIVE_INFINITY) values[i] = Math.sign(value) * most;
  }
  return encode(dtype === "f32" ? Float32Array.from(values) : values, dtype);
}

export function makeRows(family: Family | "mixed", rows: number, size: number, dtype: DType, random: Random): Elements {
  const values = new Float64Array(rows * size);
  for (let row = 0; row < rows; row++) {
    FILLS[family === "mixed" ? pick(random, FAMILIES) : family](
      values.subarray(row * size, (row + 1) * size),
      random,
      dtype,
    );
  }
  return stored(values, dtype);
}

/** @param exponent of 2, by which all are multiplied. */
export function makeGradients(
  family: DyFamily,
  rows: number,
  size: number,
  dtype: DType,
  exponent: number,
  random: Random,
): Elements {
  const values = new Float64Array(rows * size);
  const fill = FILLS[family === "no number" ? "normal" : family];
  for (let row = 0; row < rows; row++) fill(values.subarray(row * size, (row + 1) * size), random, dtype);
  for (let i = 0; i < values.length; i++) values[i] = (values[i] as number) * 2 ** exponent;
  if (family === "no number" && rows > 0) values[random.integer(values.length)] = Number.NaN;
  return stored(values, dtype);
}

export function makeParam(family: ParamFamily, size: number, dtype: DType, random: Random): Elements {
  const values = new Float64Array(size);
  const factor = { large: 1e4, small: 1e-4 }[family as string] ?? 1;
  if (family === "near one") normal(() => [1, 0.3])(values, random, dtype);
  else if (family === "zeros" || family === "constant") FILLS[family](values, random, dtype);
  else for (let i = 0; i < size; i++) values[i] = factor * random.normal();
  return stored(values, dtype);
}
