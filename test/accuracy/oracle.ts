/**
 * What the norms should give, one row at a time. Everything that cancels (the mean, the centred elements, the sums) is
 * computed in double-double arithmetic and rounded to a double at the end. Products of these are computed in double. The
 * errors of the oracle are below 2^-50; the bounds are of the order of 2^-23.
 *
 *   mean = sum x / H,   t = x - mean,   V = sum t^2 / (H - ddof),   z = t r
 *   r = 1 / sqrt(V + eps), or 1 / (sqrt(V) + eps)
 *   dx = r (dz - a - s z),   a = sum dz / H,   s = kappa sum(dz z) / (H - ddof)
 */
import { add, difference, divide, dot, type Pair, sum } from "./double-double.ts";

export interface Moments {
  /** The mean of the row. */
  mean: Pair;
  /** sum (x - mean)^2 */
  squares: Pair;
  /** sum x^2 */
  originSquares: Pair;
  /** Whether all elements are the same, so that squares is exactly 0. */
  constant: boolean;
}

/** Where r = 1 / sigma comes from. "norm" is l2Norm's: sigma is |x|, but at least eps. */
export interface Sigma {
  eps: number;
  epsAt: "variance" | "std" | "norm";
}

/**
 * The moments of one row. `t` receives x - mean, rounded once; `rest` what that rounding lost.
 */
export function momentsOf(x: Float32Array, t: Float64Array, rest: Float64Array): Moments {
  const first = x[0] as number;
  const constant = x.every((value) => value === first);
  const originSquares = dot(x, x);
  if (constant) {
    t.fill(0);
    return { mean: { high: first, low: 0 }, squares: { high: 0, low: 0 }, originSquares, constant };
  }
  const mean = divide(sum(x), x.length);
  for (let i = 0; i < x.length; i++) {
    const value = x[i] as number;
    // x - (high + low), as a pair: the exact first difference, minus the low part, split again.
    const d = value - mean.high;
    const v = d - value;
    const e = value - (d - v) - (mean.high + v);
    const l = e - mean.low;
    const high = d + l;
    t[i] = high;
    rest[i] = d - high + l;
  }
  const cross = dot(t, rest);
  const squares = add(dot(t, t), { high: 2 * cross.high, low: 2 * cross.low });
  return { mean, squares, originSquares, constant };
}

/** squares / n as a double. */
export function quotient(squares: Pair, n: number): number {
  const { high, low } = divide(squares, n);
  return high + low;
}

export function rstdOf(variance: number, { eps, epsAt }: Sigma): number {
  if (epsAt === "norm") return 1 / Math.max(Math.sqrt(variance), eps);
  return 1 / (epsAt === "std" ? Math.sqrt(variance) + eps : Math.sqrt(variance + eps));
}

/** kappa: the factor of epsAt "std" in the derivative of sigma; 0 if sigma has no derivative, or is constant. */
export function kappaOf(variance: number, { eps, epsAt }: Sigma): number {
  if (epsAt === "norm") return Math.sqrt(variance) > eps ? 1 : 0;
  if (epsAt !== "std") return 1;
  return variance === 0 ? 0 : (Math.sqrt(variance) + eps) / Math.sqrt(variance);
}

export interface GradientTerms {
  rstd: number;
  kappa: number;
  /** H - ddof */
  freedom: number;
  detachMean: boolean;
  detachStd: boolean;
}

/** dx of one row into `dx`, for dz = dL/dz; returns a and s. */
export function gradient(dx: Float64Array, dz: Float64Array, z: Float64Array, terms: GradientTerms) {
  const { rstd, kappa, freedom, detachMean, detachStd } = terms;
  const a = detachMean ? 0 : quotient(sum(dz), dz.length);
  const s = detachStd ? 0 : kappa * quotient(dot(dz, z), freedom);
  for (let i = 0; i < dz.length; i++) dx[i] = rstd * ((dz[i] as number) - a - s * (z[i] as number));
  return { a, s };
}

/** Sums down the columns of a batch, and the units that their errors are measured in. */
export class ColumnSums {
  readonly #high: Float64Array;
  readonly #low: Float64Array;
  /** The sums of |dy z|, or of |dy|. */
  readonly magnitudes: Float64Array;
  /** The sums of |dy| max(1, |z|). */
  readonly units: Float64Array;

  constructor(size: number) {
    this.#high = new Float64Array(size);
    this.#low = new Float64Array(size);
    this.magnitudes = new Float64Array(size);
    this.units = new Float64Array(size);
  }

  /** Adds dy_i z_i to column i, or dy_i alone. `at`: the number of the sum that column i adds to. Default: i. */
  addRow(dy: Float32Array, z?: Float64Array, at?: (column: number) => number): void {
    const high = this.#high;
    const low = this.#low;
    for (let column = 0; column < dy.length; column++) {
      const dyi = dy[column] as number;
      const term = z ? dyi * (z[column] as number) : dyi;
      const i = at ? at(column) : column;
      const before = high[i] as number;
      const s = before + term;
      const v = s - before;
      low[i] = (low[i] as number) + (before - (s - v) + (term - v));
      high[i] = s;
      this.magnitudes[i] = (this.magnitudes[i] as number) + Math.abs(term);
      this.units[i] = (this.units[i] as number) + Math.max(Math.abs(dyi), Math.abs(term));
    }
  }

  /** got - the sum of column i */
  off(got: number, i: number): number {
    return difference(got, { high: this.#high[i] as number, low: this.#low[i] as number });
  }
}
