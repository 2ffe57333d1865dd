/** Random cases as plain data, from which everything else follows: so they can be shrunk, and printed as programs. */
import type { AdaNormOptions, DType } from "adanorm";
import fc from "fast-check";
import type { NormName } from "../accuracy/subjects.ts";
import { CALLS } from "./hostile/calls.ts";
import type { HostileCase } from "./hostile/scene.ts";
import { DY_FAMILIES, type DyFamily, type Family, PARAM_FAMILIES, type ParamFamily, X_FAMILIES } from "./values.ts";

/** Where an array or matrix lies. */
export interface Place {
  /** Elements in front of it in a larger buffer, and what its rows are further apart than they are long. */
  lead: number;
  gap: number;
  /** In linear memory, as a view of a matrix. */
  view: boolean;
  /** f16 as a Float16Array, where there is one. */
  half: boolean;
}

export interface Param {
  family: ParamFamily;
  /** f32 whatever the batches are. */
  float: boolean;
  matrix: boolean;
  place: Place;
}

/** What becomes of a result: a new one, one that is given, or an input, which it overwrites. */
export type Target = "new" | "own" | "x" | "residual" | "dy" | "dSum";

/** What becomes of dGain and dBias: besides, they may be added onto what is there. */
export interface Columns {
  given: boolean;
  matrix: boolean;
  accumulate: boolean;
}

export interface NormCase {
  kind: "norm";
  norm: NormName;
  dtype: DType;
  size: number;
  rows: number;
  options: Omit<AdaNormOptions, "size" | "dtype">;
  family: Family | "mixed";
  dyFamily: DyFamily;
  dyExponent: number;
  seed: number;
  /** gain and bias, for the norms that have them. */
  gain: Param | undefined;
  bias: Param | undefined;
  residual: boolean;
  dSum: boolean;
  /** Whether backward is given the statistics of forward. */
  stats: boolean;
  /** The other way to the same bytes: on matrices, or on arrays that lie elsewhere. */
  matrices: boolean;
  /** On matrices by a prepared call, which runs twice. */
  prepared: boolean;
  /** Arrays as slices of the same wider rows, side by side. */
  interleaved: boolean;
  places: Record<"x" | "residual" | "sum" | "out" | "dy" | "dSum" | "dx", Place>;
  sum: Target;
  out: Target;
  dx: Target;
  columns: Columns;
  /** The row before which the batch is split into two calls, as a share of all. */
  split: number | undefined;
}

export interface RowsCase {
  kind: "rows";
  dtype: DType;
  size: number;
  rows: number;
  family: Family | "mixed";
  seed: number;
  ddof: 0 | 1;
  /** The scale of int8; undefined if each row has its own. */
  scale: number | undefined;
  place: Place;
}

export interface MatrixCase {
  kind: "matrix";
  from: DType;
  to: DType;
  size: number;
  rows: number;
  family: Family | "mixed";
  seed: number;
  place: Place;
}

/** What both kinds of cases below have: gains of parts of a batch. */
interface PartsCase {
  dtype: DType;
  samples: number;
  options: Omit<AdaNormOptions, "size" | "dtype">;
  family: Family | "mixed";
  dyFamily: DyFamily;
  dyExponent: number;
  seed: number;
  gain: ParamFamily | undefined;
  bias: ParamFamily | undefined;
  /** Compared with calls on matrices, or with prepared ones. */
  prepared: boolean;
}

/** A gain for each sample. */
export interface SamplesCase extends PartsCase {
  kind: "samples";
  norm: "layerNorm" | "rmsNorm";
  size: number;
  rowsPerGain: number;
}

/** A gain for each channel. */
export interface ChannelsCase extends PartsCase {
  kind: "channels";
  groups: number;
  inGroup: number;
  spatial: number;
}

export type Case = NormCase | SamplesCase | ChannelsCase | RowsCase | MatrixCase | HostileCase;

const dtypes = fc.constantFrom<DType[]>("f32", "f32", "f16", "bf16");
const often = fc.boolean();
const seldom = fc.integer({ min: 0, max: 5 }).map((n) => n === 5);

/** Every size to 70, and those about the borders of blocks and tiles; long ones seldom. */
const sizes = fc.oneof(
  { weight: 790, arbitrary: fc.integer({ min: 1, max: 70 }) },
  { weight: 90, arbitrary: fc.integer({ min: 124, max: 132 }) },
  { weight: 90, arbitrary: fc.integer({ min: 252, max: 260 }) },
  { weight: 27, arbitrary: fc.integer({ min: 511, max: 1025 }) },
  { weight: 3, arbitrary: fc.integer({ min: 1026, max: 5000 }) },
);

/** Few rows of long ones; seldom so many that they pass through the scratch area in several tiles. */
const shapes = fc
  .record({ size: sizes, few: fc.integer({ min: 0, max: 9 }), many: fc.integer({ min: 0, max: 399 }) })
  .map(({ size, few: drawn, many }) => {
    // A case shrinks to one row rather than to none, with which few fail.
    const few = drawn < 2 ? 1 - drawn : drawn;
    if (many === 399) return { size, rows: Math.ceil((20_000 + 2000 * few) / size) };
    return { size, rows: Math.min(few, size > 1025 ? 2 : size > 200 ? 3 : 9) };
  });

const places: fc.Arbitrary<Place> = fc.record({
  lead: fc.integer({ min: 0, max: 5 }),
  gap: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.integer({ min: 1, max: 9 }) }),
  view: seldom,
  half: often,
});

const params: fc.Arbitrary<Param | undefined> = fc.option(
  fc.record({ family: fc.constantFrom(...PARAM_FAMILIES), float: often, matrix: often, place: places }),
  { nil: undefined, freq: 2 },
);

/** Left out as often as given. */
function option<T>(...arbitraries: fc.Arbitrary<T>[]): fc.Arbitrary<T | undefined> {
  return fc.option(fc.oneof(...arbitraries), { nil: undefined, freq: 2 });
}

const epsilons = option(
  fc.constantFrom(0, 1e-12, 1e-8, 1e-3, 1),
  fc.constantFrom(5e-324, 1e-300, 1e-100, 1e-30, 1e30, 1e100, 1e300, Number.MAX_VALUE),
);

const common = {
  eps: epsilons,
  epsAt: option(fc.constantFrom("variance" as const, "std" as const)),
  ddof: option(fc.constantFrom(0 as const, 1 as const)),
  detachMean: option(often),
  detachStd: option(often),
};

const adaptive = {
  scale: option(fc.constantFrom(0.5, 2, 1e-3, 100)),
  k: option(fc.constantFrom(0, 0.01, 0.3, 1)),
  detachScale: option(often),
};

/** Without those that are undefined: options that are left out. */
function given<T extends object>(options: T): T {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as T;
}

const targets = <T extends Target>(...others: T[]) => fc.constantFrom<(T | "new" | "own")[]>("new", "own", ...others);

const norms = fc.constantFrom<NormName[]>("layerNorm", "layerNormSimple", "detachNorm", "adaNorm", "rmsNorm", "l2Norm");

const normCases: fc.Arbitrary<NormCase> = fc
  .record({
    norm: norms,
    dtype: dtypes,
    shape: shapes,
    common: fc.record(common).map(given),
    adaptive: fc.record(adaptive).map(given),
    family: fc.constantFrom(...X_FAMILIES),
    dyFamily: fc.constantFrom(...DY_FAMILIES),
    dyExponent: fc.oneof(
      { weight: 3, arbitrary: fc.constant(0) },
      { weight: 1, arbitrary: fc.integer({ min: -60, max: 60 }) },
    ),
    seed: fc.nat(),
    gain: params,
    bias: params,
    residual: seldom,
    dSum: seldom,
    stats: often,
    matrices: often,
    prepared: often,
    interleaved: seldom,
    places: fc.record({
      x: places,
      residual: places,
      sum: places,
      out: places,
      dy: places,
      dSum: places,
      dx: places,
    }),
    sum: targets("x", "residual"),
    out: targets("x", "residual"),
    dx: targets("dy", "x", "dSum"),
    columns: fc.record({ given: often, matrix: often, accumulate: often }),
    split: fc.option(fc.double({ min: 0, max: 1, noNaN: true }), { nil: undefined, freq: 2 }),
  })
  .map(({ shape, common, adaptive, ...rest }) => {
    const has = rest.norm === "layerNorm" || rest.norm === "rmsNorm";
    // What the norm does not have falls away, so that a case says no more than it does.
    return {
      ...rest,
      ...shape,
      kind: "norm" as const,
      options: rest.norm === "adaNorm" ? { ...common, ...adaptive } : common,
      gain: has ? rest.gain : undefined,
      bias: has ? rest.bias : undefined,
      dyExponent: rest.dtype === "f16" ? Math.trunc(rest.dyExponent / 6) : rest.dyExponent,
    };
  });

const parts = {
  dtype: dtypes,
  options: fc.record(common).map(given),
  family: fc.constantFrom(...X_FAMILIES),
  dyFamily: fc.constantFrom(...DY_FAMILIES),
  dyExponent: fc.constant(0),
  seed: fc.nat(),
  gain: option(fc.constantFrom(...PARAM_FAMILIES)),
  bias: option(fc.constantFrom(...PARAM_FAMILIES)),
  prepared: often,
};

const samplesCases: fc.Arbitrary<SamplesCase> = fc
  .record({
    ...parts,
    norm: fc.constantFrom("layerNorm" as const, "rmsNorm" as const),
    size: sizes,
    samples: fc.integer({ min: 1, max: 6 }),
    rowsPerGain: fc.oneof(
      { weight: 9, arbitrary: fc.integer({ min: 1, max: 9 }) },
      { weight: 1, arbitrary: fc.integer({ min: 60, max: 140 }) },
    ),
  })
  .map((each) => ({
    ...each,
    kind: "samples",
    rowsPerGain: each.size > 200 ? each.rowsPerGain % 10 || 1 : each.rowsPerGain,
  }));

const channelsCases: fc.Arbitrary<ChannelsCase> = fc
  .record({
    ...parts,
    samples: fc.integer({ min: 1, max: 5 }),
    groups: fc.integer({ min: 1, max: 4 }),
    inGroup: fc.integer({ min: 1, max: 6 }),
    spatial: sizes,
  })
  // Elements of a row: of a long channel there is one.
  .map((each) => ({ ...each, kind: "channels", inGroup: each.spatial > 300 ? 1 : each.inGroup }));

const batch = { dtype: dtypes, shape: shapes, family: fc.constantFrom(...X_FAMILIES), seed: fc.nat(), place: places };

/** Those of unit vectors and of integers, others that lose all or saturate, and one that is beyond f32. */
const SCALES = [1 / 127, 1, 0.5, 1e-4, 1e30, 1e-30, 1e-300];

const rowsCases: fc.Arbitrary<RowsCase> = fc
  .record({ ...batch, ddof: fc.constantFrom(0 as const, 1 as const), scale: option(fc.constantFrom(...SCALES)) })
  .map(({ shape, ...rest }) => ({ kind: "rows", ...shape, ...rest }));

const matrixCases: fc.Arbitrary<MatrixCase> = fc
  .record({ ...batch, to: dtypes })
  .map(({ shape, dtype, to, ...rest }) => {
    // The bits of a Uint16Array are what they are; of floats, and of nothing else, it is known what they hold.
    return { kind: "matrix", ...shape, ...rest, from: dtype, to: dtype === "f32" ? to : dtype };
  });

const hostileCases: fc.Arbitrary<HostileCase> = fc.record({
  kind: fc.constant("hostile" as const),
  call: fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom("forward", "backward") },
    { weight: 3, arbitrary: fc.constantFrom(...Object.keys(CALLS).filter((name) => !name.startsWith("method"))) },
    { weight: 1, arbitrary: fc.constantFrom(...Object.keys(CALLS).filter((name) => name.startsWith("method"))) },
  ),
  argument: fc.nat({ max: 1000 }),
  value: fc.nat({ max: 1000 }),
  norm: fc.oneof(
    { weight: 3, arbitrary: norms },
    { weight: 1, arbitrary: fc.constantFrom("groupNorm", "instanceNorm") },
  ),
  dtype: dtypes,
  size: fc.integer({ min: 2, max: 9 }),
  rows: fc.integer({ min: 0, max: 4 }),
  place: fc.constantFrom("array" as const, "resizable" as const, "matrix" as const, "view" as const),
});

export const cases: fc.Arbitrary<Case> = fc.oneof(
  { weight: 7, arbitrary: normCases },
  { weight: 1, arbitrary: samplesCases },
  { weight: 1, arbitrary: channelsCases },
  { weight: 1, arbitrary: rowsCases },
  { weight: 1, arbitrary: matrixCases },
  { weight: 3, arbitrary: hostileCases },
);
