/**
 * The errors of row reductions, in units of 2^-53: of the sum of magnitudes for sums, of the mean magnitude for means, of the
 * value itself for all that add up squares.
 */
import { type Kernels, loadSync } from "adanorm";
import { inUnits } from "./bounds.ts";
import { difference, divide, type Pair, sum, twoProd } from "./double-double.ts";
import { FAMILIES, isStored, seedOf } from "./families.ts";
import { momentsOf } from "./oracle.ts";
import { Random } from "./random.ts";

export const REDUCTIONS = ["sum", "mean", "variance", "std", "rms", "l1", "l2", "sumSquare", "min", "max"] as const;

export type Reduction = (typeof REDUCTIONS)[number];

/** An element passes through 17 additions of a block and a few more. Differences from the mean are also rounded. */
export const REDUCTION_BOUND = 24;

/** The smallest and the largest are exact. */
export function reductionBound(reduction: Reduction): number {
  return reduction === "min" || reduction === "max" ? 0 : REDUCTION_BOUND;
}

export interface Reduced {
  size: number;
  /** The largest errors over all families. */
  worst: Record<Reduction, { value: number; family: string }>;
}

const UNIT = 2 ** -53;

const relative = (got: number, want: Pair) => inUnits(difference(got, want), UNIT * Math.abs(want.high));

/** The error of a square root, from the error of its square. */
function ofRoot(got: number, square: Pair): number {
  const { high, low } = twoProd(got, got);
  const off = difference(high, square) + low;
  return inUnits(off / 2, UNIT * square.high);
}

function errorsOf(kernels: Kernels, x: Float32Array, ddof: 0 | 1): Record<Reduction, number> {
  const { length } = x;
  const rows = kernels.rows(length);
  const { mean, squares, originSquares } = momentsOf(x, new Float64Array(length), new Float64Array(length));
  const magnitudes = sum(x.map(Math.abs));
  const variance = divide(squares, length - ddof);
  const moments = rows.moments(x, { ddof });
  const first = (values: Float64Array) => values[0] as number;
  const meanUnit = (UNIT * magnitudes.high) / length;
  const ofVariance = Math.max(
    relative(first(rows.variance(x, { ddof })), variance),
    relative(first(moments.variance), variance),
  );
  const meanOff = (got: number) => inUnits(difference(got, mean), meanUnit);
  const least = x.reduce((a, b) => Math.min(a, b));
  const most = x.reduce((a, b) => Math.max(a, b));
  return {
    sum: inUnits(difference(first(rows.sum(x)), sum(x)), UNIT * magnitudes.high),
    mean: Math.max(meanOff(first(rows.mean(x))), meanOff(first(moments.mean))),
    variance: ofVariance,
    std: ofRoot(first(rows.std(x, { ddof })), variance),
    rms: ofRoot(first(rows.rms(x)), divide(originSquares, length)),
    l1: relative(first(rows.l1(x)), magnitudes),
    l2: ofRoot(first(rows.l2(x)), originSquares),
    sumSquare: relative(first(rows.sumSquare(x)), originSquares),
    min: Math.abs(first(rows.min(x)) - least),
    max: Math.abs(first(rows.max(x)) - most),
  };
}

/** Measures all reductions of rows of one size, about `elements` elements of each family. */
export function measureReductions(size: number, elements: number, seed: string): Reduced {
  const kernels = loadSync();
  const worst = Object.fromEntries(REDUCTIONS.map((one) => [one, { value: 0, family: "" }])) as Reduced["worst"];
  const x = new Float32Array(size);
  for (const family of FAMILIES) {
    if (family.columns || family.upstream || isStored(family)) continue;
    const random = new Random(`${seedOf(family, `reductions/${seed}`)}/${size}`);
    for (let row = 0; row < Math.max(1, elements / size); row++) {
      family.fill(x, random);
      const errors = errorsOf(kernels, x, size > 1 && row % 2 ? 1 : 0);
      for (const one of REDUCTIONS) {
        if (errors[one] > worst[one].value) worst[one] = { value: errors[one], family: family.name };
      }
    }
  }
  return { size, worst };
}

/** The bounds that the reductions missed. */
export function missedReductions({ size, worst }: Reduced): string[] {
  return REDUCTIONS.flatMap((one) => {
    const { value, family } = worst[one];
    const bound = reductionBound(one);
    return value <= bound ? [] : [`rows.${one}, H = ${size}: ${value.toPrecision(4)}, bound ${bound} (${family})`];
  });
}
