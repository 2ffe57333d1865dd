/** The rows that accuracy is measured on. */
import type { DType } from "adanorm";
import type { Random } from "./random.ts";
import { exponentOf, STORAGES } from "./storage.ts";

/**
 * How dL/dy is made of noise n and the row's z. It may also be constant, or 0 except for a few elements. "slope" is 0
 * except for the one element with k z near 0.99; k is chosen for that.
 */
export type Upstream = "noise" | "correlated" | "biased" | "positive" | "aligned" | "constant" | "sparse" | "slope";

export interface Family {
  name: string;
  /** Chooses its random numbers, together with the seed. Default: the name. When a name changes, this keeps the figures. */
  drawnBy?: string;
  /** Fills one row. */
  fill(row: Float32Array, random: Random): void;
  /** How far, in powers of two, the magnitude of dL/dy may be from that of sigma. Default 0. */
  upstreamSpread?: number;
  /** What dL/dy is in all batches. Default: every kind but the special ones in turn. */
  upstream?: Upstream;
  /** Many rows, to measure dGain and dBias. Default: rows of every size, and all norms. */
  columns?: { upstream: Upstream };
  /** The storage of batches. Rows are rounded to it, and numbers beyond it become its largest. Default "f32". */
  dtype?: DType;
  /** Whether a row is the sum of two, and a gradient is added to dx. Default false. */
  residual?: boolean;
}

/** The seed of a family's random numbers. */
export function seedOf({ name, drawnBy = name }: Family, seed: string): string {
  return `${seed}/${drawnBy}`;
}

/** Whether a family is there for its storage or its residual. */
export function isStored({ dtype, residual }: Family): boolean {
  return dtype !== undefined || residual === true;
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

/** A value and its neighbours, one step away. */
function nearConstant(dtype: DType): Family["fill"] {
  const { fraction } = STORAGES[dtype];
  return (row, random) => {
    const drawn = Math.fround(random.sign() * 10 ** random.between(-3, dtype === "f16" ? 4 : 5));
    const step = 2 ** (exponentOf(drawn) - fraction);
    const value = Math.round(drawn / step) * step;
    // From a third of the elements off on either side to one in a hundred.
    const share = random.uniform() < 0.5 ? 1 / 3 : 10 ** random.between(-2, -0.5);
    for (let i = 0; i < row.length; i++) {
      row[i] = value + (random.uniform() < 2 * share ? random.sign() : 0) * step;
    }
  };
}

function anyValue(random: Random): number {
  return random.sign() * 10 ** random.between(-3, 6);
}

/** Periodic elements, with the other sign in every second period. */
function periodic(draw: (random: Random, i: number) => number): Family["fill"] {
  return (row, random) => {
    const period = 2 ** (3 + random.integer(5));
    const part = Array.from({ length: period }, (_, i) => draw(random, i));
    for (let i = 0; i < row.length; i++) row[i] = (i & period ? -1 : 1) * (part[i % period] as number);
  };
}

function oneHot(row: Float32Array, random: Random): void {
  row.fill(0);
  row[random.integer(row.length)] = anyValue(random);
}

function ramp(row: Float32Array, random: Random): void {
  const slope = random.sign() * 10 ** random.between(-3, 3);
  // From 0, around 0, or from anywhere.
  const start = [0, -0.5, random.between(-2, 2)][random.integer(3)] as number;
  for (let i = 0; i < row.length; i++) row[i] = slope * (start * row.length + i);
}

const FLOATS: readonly Family[] = [
  { name: "normal", fill: ordinary },
  { name: "uniform", fill: elements((random) => random.integer(2 ** 24) / 2 ** 24) },
  { name: "ramp", fill: ramp },
  // A Cauchy distribution: a few elements dominate its sums.
  { name: "heavy-tailed", fill: elements((random) => Math.tan(Math.PI * (random.uniform() - 0.5))) },
  {
    name: "one outlier",
    fill: (row, random) => {
      ordinary(row, random);
      row[random.integer(row.length)] = random.sign() * 10 ** random.between(2, 6);
    },
  },
  {
    name: "alternating, one outlier",
    fill: (row, random) => {
      for (let i = 0; i < row.length; i++) row[i] = i % 2 ? 1 : -1;
      row[random.integer(row.length)] = random.sign() * 10 ** random.between(1, 5);
    },
  },
  {
    name: "periodic outliers",
    fill: periodic((random, i) => (i === 0 ? 10 ** random.between(1, 5) : random.normal())),
  },
  { name: "periodic, equal magnitudes", fill: periodic((random) => random.between(1, 1.1)) },
  { name: "one-hot", fill: oneHot },
  // Zeros, then one value to the end: every step has the same rounding error.
  { name: "step", fill: (row, random) => row.fill(0).fill(anyValue(random), random.integer(row.length)) },
  { name: "constant", fill: (row, random) => row.fill(anyValue(random)) },
  { name: "near-constant", fill: nearConstant("f32") },
  {
    name: "offset 0.5 to 12 sigma",
    fill: normal((random) => ({ mean: random.sign() * 2 ** random.between(-1, 3.6), sigma: 1 })),
  },
  ...["1e2", "1e3", "1e4", "1e5", "1e6", "1e7"].map(offset),
  { name: "dy constant", fill: normal((random) => ({ mean: random.between(-1, 1), sigma: 1 })), upstream: "constant" },
  {
    name: "dy in a few elements",
    fill: normal((random) => ({ mean: random.between(-1, 1), sigma: 1 })),
    upstream: "sparse",
  },
  {
    name: "dy where k z is near 1",
    drawnBy: "dy where k y is near 1",
    fill: normal(() => ({ mean: 0, sigma: 1 })),
    upstream: "slope",
  },
  {
    name: "dy where k z is near 1, one outlier",
    drawnBy: "dy where k y is near 1, one outlier",
    fill: (row, random) => {
      ordinary(row, random);
      row[random.integer(row.length)] = random.sign() * 10 ** random.between(0.5, 3);
    },
    upstream: "slope",
  },
  ...["1e-30", "1e-20", "1e-10", "1e10", "1e20", "1e30"].map(magnitude),
  {
    name: "any magnitude",
    fill: normal((random) => {
      // Half of them are near the magnitudes at which f64 replaces f32.
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
  // Errors that are alike in all rows do not average out.
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

/** The families that are measured in 16 bits too. */
const ALSO_STORED = [
  "normal",
  "uniform",
  "heavy-tailed",
  "one outlier",
  "one-hot",
  "step",
  "constant",
  "offset 0.5 to 12 sigma",
  "offset 1e2 sigma",
  "offset 1e3 sigma",
];

function named(name: string): Family {
  return FLOATS.find((family) => family.name === name) as Family;
}

/** Rows of any magnitude that the storage has. */
function anyMagnitude(dtype: DType): Family["fill"] {
  const { least, fraction, most } = STORAGES[dtype];
  const [low, high] = [Math.max(least - fraction, -100), Math.min(most - 2, 100)];
  return normal((random) => {
    const sigma = 2 ** random.between(low, high);
    return { mean: random.between(-3, 3) * sigma, sigma };
  });
}

function storedIn(dtype: "f16" | "bf16"): Family[] {
  const { least, fraction, largest } = STORAGES[dtype];
  const families: Family[] = [
    ...ALSO_STORED.map(named),
    { name: "near-constant", fill: nearConstant(dtype) },
    // Gradients from the smallest number of the storage to numbers beyond it.
    { name: "any magnitude", fill: anyMagnitude(dtype), upstreamSpread: dtype === "f16" ? 24 : 120 },
    {
      name: "subnormal",
      fill: normal((random) => ({ mean: 0, sigma: 2 ** (least - random.between(0, fraction)) })),
    },
    { name: "largest", fill: elements((random) => random.sign() * largest) },
    { name: "largest and 0", fill: elements((random) => (random.integer(3) - 1) * largest) },
  ];
  return families.map((family) => ({ ...family, name: `${dtype}: ${family.name}`, dtype }));
}

function withResidual(dtype: DType): Family[] {
  const families: Family[] = [
    named("normal"),
    named("one outlier"),
    named("offset 1e2 sigma"),
    { name: "any magnitude", fill: anyMagnitude(dtype) },
  ];
  return families.map((family) => ({ ...family, name: `${dtype}, residual: ${family.name}`, dtype, residual: true }));
}

export const FAMILIES: readonly Family[] = [
  ...FLOATS,
  ...storedIn("f16"),
  ...storedIn("bf16"),
  ...(["f32", "f16", "bf16"] as const).flatMap(withResidual),
];
