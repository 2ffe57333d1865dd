/** The rows that accuracy is measured on. */
import type { Random } from "./random.ts";

/** How dL/dz is made of noise n and the row's y. */
export type Upstream = "noise" | "correlated" | "biased" | "positive" | "aligned";

export interface Family {
  name: string;
  /** Fills one row. */
  fill(row: Float32Array, random: Random): void;
  /** How far, in powers of two, the magnitude of dL/dz may be from that of sigma. Default 0. */
  upstreamSpread?: number;
  /** Rows so many that dGain and dBias are what is measured. Default: rows of every size, and all norms. */
  columns?: { upstream: Upstream };
}

/** The largest f32. */
const LARGEST = (2 - 2 ** -23) * 2 ** 127;

/** Rows of mean + sigma n, where mean and sigma are drawn for each row. */
function normal(draw: (random: Random) => { mean: number; sigma: number }): Family["fill"] {
  return (row, random) => {
    const { mean, sigma } = draw(random);
    for (let i = 0; i < row.length; i++) row[i] = mean + sigma * random.normal();
  };
}

/** Rows of independent elements. */
function elements(draw: (random: Random, i: number) => number): Family["fill"] {
  return (row, random) => {
    for (let i = 0; i < row.length; i++) row[i] = draw(random, i);
  };
}

const ordinary = normal(() => ({ mean: 0, sigma: 1 }));

function offset(sigmas: string): Family {
  return {
    name: `offset ${sigmas} sigma`,
    fill: normal((random) => {
      const sigma = random.between(0.5, 2);
      return { mean: random.sign() * Number(sigmas) * sigma, sigma };
    }),
  };
}

function magnitude(scale: string): Family {
  return { name: `magnitude ${scale}`, fill: normal(() => ({ mean: 0, sigma: Number(scale) })) };
}

/** A value and its neighbours in f32, one step away. */
function nearConstant(row: Float32Array, random: Random): void {
  const value = Math.fround(random.sign() * 10 ** random.between(-3, 5));
  const step = 2 ** (Math.floor(Math.log2(Math.abs(value))) - 23);
  // From a third of the elements off on either side to one in a hundred.
  const share = random.uniform() < 0.5 ? 1 / 3 : 10 ** random.between(-2, -0.5);
  for (let i = 0; i < row.length; i++) {
    row[i] = value + (random.uniform() < 2 * share ? random.sign() : 0) * step;
  }
}

function anyValue(random: Random): number {
  return random.sign() * 10 ** random.between(-3, 6);
}

function oneHot(row: Float32Array, random: Random): void {
  row.fill(0);
  row[random.integer(row.length)] = anyValue(random);
}

function ramp(row: Float32Array, random: Random): void {
  const slope = random.sign() * 10 ** random.between(-3, 3);
  // From 0 on, about 0, or from anywhere.
  const start = [0, -0.5, random.between(-2, 2)][random.integer(3)] as number;
  for (let i = 0; i < row.length; i++) row[i] = slope * (start * row.length + i);
}

export const FAMILIES: readonly Family[] = [
  { name: "normal", fill: ordinary },
  { name: "uniform", fill: elements((random) => random.integer(2 ** 24) / 2 ** 24) },
  { name: "ramp", fill: ramp },
  // Cauchy, whose sums a few elements dominate.
  { name: "heavy-tailed", fill: elements((random) => Math.tan(Math.PI * (random.uniform() - 0.5))) },
  {
    name: "one outlier",
    fill: (row, random) => {
      ordinary(row, random);
      row[random.integer(row.length)] = random.sign() * 10 ** random.between(2, 6);
    },
  },
  { name: "one-hot", fill: oneHot },
  // Zeros, then one value to the end: what rounding adds is the same at every step.
  { name: "step", fill: (row, random) => row.fill(0).fill(anyValue(random), random.integer(row.length)) },
  { name: "constant", fill: (row, random) => row.fill(anyValue(random)) },
  { name: "near-constant", fill: nearConstant },
  {
    name: "offset 0.5 to 12 sigma",
    fill: normal((random) => ({ mean: random.sign() * 2 ** random.between(-1, 3.6), sigma: 1 })),
  },
  ...["1e2", "1e3", "1e4", "1e5", "1e6", "1e7"].map(offset),
  ...["1e-30", "1e-20", "1e-10", "1e10", "1e20", "1e30"].map(magnitude),
  {
    name: "any magnitude",
    fill: normal((random) => {
      // Half of them about where f32 gives way to f64.
      const sigma = 2 ** (random.uniform() < 0.5 ? random.between(-36, 36) : random.between(-100, 100));
      return { mean: random.between(-3, 3) * sigma, sigma };
    }),
    upstreamSpread: 120,
  },
  {
    name: "any magnitude and offset",
    fill: normal((random) => {
      const sigma = 2 ** random.between(-98, 75);
      return { mean: random.sign() * 10 ** random.between(-1, 7) * sigma, sigma };
    }),
    upstreamSpread: 120,
  },
  {
    name: "subnormal",
    fill: (row, random) => {
      const sigma = 2 ** random.between(-148, -128);
      for (let i = 0; i < row.length; i++) row[i] = sigma * random.normal();
    },
  },
  { name: "+-3.4e38", fill: elements((random) => random.sign() * LARGEST) },
  { name: "+-3.4e38 and 0", fill: elements((random) => (random.integer(3) - 1) * LARGEST) },
  {
    name: "huge, alternating",
    fill: (row, random) => {
      const value = random.between(1e37, LARGEST);
      for (let i = 0; i < row.length; i++) row[i] = i % 2 === 0 ? value : -value;
    },
  },
  { name: "many rows: dy normal", fill: ordinary, columns: { upstream: "noise" } },
  { name: "many rows: dy positive", fill: ordinary, columns: { upstream: "positive" } },
  { name: "many rows: terms of one sign", fill: ordinary, columns: { upstream: "aligned" } },
  {
    name: "many rows: offset 1e4 sigma",
    fill: normal(() => ({ mean: 1e4, sigma: 1 })),
    columns: { upstream: "biased" },
  },
  // What is rounded alike in all rows does not even out.
  {
    name: "many rows: all alike",
    fill: (row) => {
      for (let i = 0; i < row.length; i++) row[i] = Math.sin(i);
    },
    columns: { upstream: "aligned" },
  },
  {
    name: "many rows: near 1",
    fill: elements((random) => 1 + 1e-4 * random.normal()),
    columns: { upstream: "aligned" },
  },
];
