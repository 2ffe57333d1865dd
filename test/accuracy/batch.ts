/** Batches of random rows with the dL/dy, gain and bias that go with them. */
import type { DType } from "adanorm";
import { type Family, seedOf, type Upstream } from "./families.ts";
import { momentsOf, quotient, rstdOf } from "./oracle.ts";
import { Random } from "./random.ts";
import { decode, type Elements, encode, held } from "./storage.ts";
import type { Options, Params } from "./subjects.ts";

export interface Batch {
  /** The options in words. */
  label: string;
  options: Options;
  params: Record<keyof Params, Float32Array>;
  /** The input of the norm: x, or its sum with the residual, rounded to the storage. */
  x: Float32Array;
  dy: Float32Array;
  /** The gradient that is added to that of x, if there is a residual. */
  dSum?: Float32Array;
  rows: number;
  /** As many numbers for gain and bias as are asked for, and as they are stored. */
  paramsFor(count: number): { params: Record<keyof Params, Float32Array>; given: Required<Params> };
  /** The same numbers as they are stored, for the subjects. */
  given: { x: Elements; dy: Elements; params: Required<Params>; residual?: Elements; dSum?: Elements };
}

/** The conventions of the statistics. The batches take them in turn. */
const CONVENTIONS: readonly Pick<Options, "eps" | "epsAt" | "ddof">[] = [
  { eps: 0, epsAt: "variance", ddof: 0 },
  { eps: 1e-5, epsAt: "std", ddof: 1 },
  { eps: 0, epsAt: "variance", ddof: 1 },
  { eps: 1e-5, epsAt: "variance", ddof: 0 },
  { eps: 0, epsAt: "std", ddof: 0 },
  { eps: 1e-5, epsAt: "variance", ddof: 1 },
  { eps: 0, epsAt: "std", ddof: 1 },
  { eps: 1e-5, epsAt: "std", ddof: 0 },
];

const UPSTREAMS: readonly Upstream[] = ["noise", "correlated", "biased", "aligned"];

/** One element of dL/dy before it is scaled. */
function upstreamOf(kind: Upstream, z: number, random: Random): number {
  const noise = random.normal();
  switch (kind) {
    case "noise":
      return noise;
    case "correlated":
      return 0.5 * z + noise;
    case "biased":
      return 1 + 0.1 * noise;
    case "positive":
      return Math.abs(noise);
    case "aligned":
      return z < 0 ? -Math.abs(noise) : Math.abs(noise);
    case "constant":
      return 1;
    case "sparse":
      return random.uniform() < 0.02 ? noise : 0;
    case "slope":
      return 0;
  }
}

/**
 * The power of two that dL/dy is multiplied by: 1 for ordinary rows, and about sigma if sigma is extreme, so that dx is
 * not. The dx of every norm and the terms of dGain must be normal numbers of f32.
 */
function upstreamExponent(
  { rstd, rstdRms, std }: { rstd: number; rstdRms: number; std: number },
  largest: number,
  spread: number,
  dtype: DType,
  random: Random,
): number {
  const log = Math.log2(rstd);
  const logRms = Math.log2(rstdRms);
  // Half of the time as far from sigma as the spread allows, otherwise anywhere between.
  const away = spread * (random.uniform() < 0.5 ? random.sign() : random.between(-1, 1));
  const start = (Math.abs(log) > (dtype === "f16" ? 8 : 24) || spread > 0 ? -log : 0) + away;
  // The magnitude of z, which eps makes small if std is small.
  const logZ = std > 0 ? Math.min(Math.log2(std * rstd), 0) : 0;
  const low = Math.max(dtype === "f16" ? -14 : -90, -80 - Math.min(log, logRms), -80 - logZ);
  const high = Math.min(dtype === "f16" ? 12 : largest, 100 - Math.max(log, logRms));
  return Math.round(Math.min(Math.max(start, low), high));
}

/**
 * Splits a row into two rows with about that sum, and then makes the row their exact sum, rounded to the storage. Half of
 * the time the two are larger than the sum, so that much cancels.
 */
function split(row: Float32Array, one: Float32Array, other: Float32Array, dtype: DType, random: Random): void {
  const factor = 2 ** random.between(-6, 6);
  for (let i = 0; i < row.length; i++) one[i] = (row[i] as number) * factor * random.normal();
  one.set(held(one, dtype));
  for (let i = 0; i < row.length; i++) other[i] = (row[i] as number) - (one[i] as number);
  other.set(held(other, dtype));
  // Exact, or with so many more digits than the storage that rounding twice gives the same as rounding once.
  const sum = Float64Array.from(one, (value, i) => value + (other[i] as number));
  row.set(decode(encode(sum, dtype), dtype));
}

/**
 * Batch number `index` of a family. With eps = 0, constant rows have no z: they are drawn again and, if they stay
 * constant, left out. A row of one element is constant, so its eps is never 0 and its ddof never 1.
 */
export function makeBatch(family: Family, size: number, rows: number, index: number, seed: string): Batch {
  const random = new Random(`${seedOf(family, seed)}/${size}/${index}`);
  // Families and sizes begin at different conventions, so that those with few rows do not all have the same.
  const first = new Random(`${seedOf(family, seed)}/${size}`);
  const turn = first.integer(CONVENTIONS.length) + index;
  const usual = size === 1 || family.columns !== undefined;
  const convention = CONVENTIONS[usual ? 3 : turn % CONVENTIONS.length] as (typeof CONVENTIONS)[number];
  const options: Options = {
    size,
    ...convention,
    scale: 1 + random.integer(2),
    k: [0.1, 0.3][random.integer(2)] as number,
    detachScale: true,
    dtype: family.dtype ?? "f32",
  };
  const { dtype } = options;
  // Two batches in a row, with eps and without, have the same kind of dL/dy.
  const kindTurn = first.integer(UPSTREAMS.length) + Math.floor(index / 2);
  const kind = family.columns?.upstream ?? family.upstream ?? (UPSTREAMS[kindTurn % UPSTREAMS.length] as Upstream);
  const x = new Float32Array(rows * size);
  const dy = new Float32Array(rows * size);
  // With a residual, the two parts of x, and the gradient that is added to dx.
  const [one, other, dSum] = [0, 1, 2].map(() => new Float32Array(family.residual ? rows * size : 0)) as [
    Float32Array,
    Float32Array,
    Float32Array,
  ];
  const t = new Float64Array(size);
  const rest = new Float64Array(size);
  // No sum over all rows of products with z, which is sqrt(size) at most, leaves the range of f32.
  const largest = 115 - Math.ceil(Math.log2(rows * size));
  let kept = 0;
  for (let attempt = 0; attempt < 2 * rows && kept < rows; attempt++) {
    const rowOf = (batch: Float32Array) => batch.subarray(kept * size, (kept + 1) * size);
    const row = rowOf(x);
    family.fill(row, random);
    if (dtype !== "f32") row.set(held(row, dtype));
    if (family.residual) {
      split(row, rowOf(one), rowOf(other), dtype, random);
      if (!row.every(Number.isFinite)) continue;
    }
    const { squares, originSquares, constant } = momentsOf(row, t, rest);
    if (constant && options.eps === 0) continue;
    const variance = quotient(squares, size - options.ddof);
    const rstd = rstdOf(variance, options);
    const rstds = { rstd, rstdRms: rstdOf(quotient(originSquares, size), options), std: Math.sqrt(variance) };
    const scale = 2 ** upstreamExponent(rstds, largest, family.upstreamSpread ?? 0, dtype, random);
    for (let i = 0; i < size; i++) {
      dy[kept * size + i] = scale * upstreamOf(kind, (t[i] as number) * rstd, random);
    }
    if (kind === "constant") rowOf(dy).fill(Math.fround(scale * (1 + random.uniform())));
    if (kind === "slope") {
      // The first row settles k; in the others it is the element nearest to that.
      const z = t.map((value) => value * rstd);
      const largest = z.reduce((most, value) => Math.max(most, Math.abs(value)), 0.1);
      if (kept === 0) options.k = 0.99 / largest;
      const off = z.map((value) => Math.abs(1 - options.k * value));
      const least = off.reduce((a, b) => Math.min(a, b));
      dy[kept * size + off.indexOf(least)] = scale * random.between(1, 2);
    }
    if (dtype !== "f32") rowOf(dy).set(held(rowOf(dy), dtype));
    if (family.residual) {
      // From a tiny part of the total to nearly all of it.
      const typical = scale * rstd * 2 ** random.between(-8, 8);
      const more = Float32Array.from({ length: size }, () => typical * random.normal());
      rowOf(dSum).set(held(more, dtype));
    }
    kept++;
  }
  const drawParams = (count: number, from: Random) => {
    const numbers = (draw: () => number) => held(Float32Array.from({ length: count }, draw), dtype);
    return { gain: numbers(() => 1 + 0.3 * from.normal()), bias: numbers(() => from.normal()) };
  };
  const { gain, bias } = drawParams(size, random);
  const end = kept * size;
  const stored = (values: Float32Array) => encode(values.subarray(0, end), dtype);
  // The parameters are f32 in one batch, and are stored like the rows in the next.
  const param = (values: Float32Array) => (index % 2 === 0 ? values : encode(values, dtype));
  const { eps, epsAt, ddof, scale, k } = options;
  const paramsFor = (count: number) => {
    const params = drawParams(count, new Random(`${seedOf(family, seed)}/${size}/${index}/${count}`));
    return { params, given: { gain: param(params.gain), bias: param(params.bias) } };
  };
  return {
    label: `eps ${eps} at ${epsAt}, ddof ${ddof}, C ${scale}, k ${k}, dy ${kind}, seed ${seed}, batch ${index}`,
    options,
    params: { gain, bias },
    x: x.subarray(0, end),
    dy: dy.subarray(0, end),
    ...(family.residual && { dSum: dSum.subarray(0, end) }),
    rows: kept,
    paramsFor,
    given: {
      x: stored(family.residual ? one : x),
      dy: stored(dy),
      params: { gain: param(gain), bias: param(bias) },
      ...(family.residual && { residual: stored(other), dSum: stored(dSum) }),
    },
  };
}
