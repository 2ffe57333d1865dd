/** The exact statistics of a row, the exact results of all norms, and the units of their errors. */
import { gradient, kappaOf, type Moments, momentsOf, quotient, rstdOf } from "./oracle.ts";
import type { SharedBy } from "./sharing.ts";
import type { AnyName, Options } from "./subjects.ts";

/** One way through backward. */
export interface Case {
  label: string;
  norm: AnyName;
  detachScale?: boolean;
  /** Both statistics are held constant, in a norm that does not do this by default. */
  detached?: boolean;
  /** With gain and bias, and their gradients. */
  params?: boolean;
  /** What has a gain and a bias of its own. Default: each column, for all rows. */
  sharedBy?: SharedBy;
}

export const CASES: readonly Case[] = [
  { label: "layerNormSimple", norm: "layerNormSimple" },
  { label: "layerNorm with gain", norm: "layerNorm", params: true },
  { label: "adaNorm", norm: "adaNorm" },
  { label: "adaNorm, detachScale false", norm: "adaNorm", detachScale: false },
  { label: "adaNorm, statistics detached", norm: "adaNorm", detached: true },
  { label: "rmsNorm with gain", norm: "rmsNorm", params: true },
  { label: "detachNorm", norm: "detachNorm" },
  { label: "l2Norm", norm: "l2Norm" },
  { label: "layerNorm, gains by sample", norm: "layerNorm", params: true, sharedBy: "samples" },
  { label: "groupNorm with gain", norm: "groupNorm", params: true, sharedBy: "channels" },
  { label: "instanceNorm with gain", norm: "instanceNorm", params: true, sharedBy: "instances" },
];

/** Many rows serve the sums down the columns. Those of instanceNorm are groupNorm's. */
export const COLUMN_CASES = CASES.filter((each) => each.params && each.norm !== "instanceNorm");

/** Whether a norm takes the mean as 0. */
export const isOrigin = (norm: AnyName) => norm === "rmsNorm" || norm === "l2Norm";

/** The smallest number that f32 holds with all of its digits. */
const LEAST_NORMAL = 2 ** -126;

/** The exact values for one row of a batch. The arrays are used again for each row. */
export class ExactRow {
  variance = 0;
  /** sum x^2 / H */
  square = 0;
  rstd = 0;
  rstdRms = 0;
  /** sum x^2 */
  sumSquare = 0;
  rstdL2 = 0;
  readonly t: Float64Array;
  readonly rest: Float64Array;
  /** The normalised row. */
  readonly z: Float64Array;
  readonly zUnits: Float64Array;
  readonly zRms: Float64Array;
  readonly zRmsUnits: Float64Array;
  readonly zL2: Float64Array;
  readonly zL2Units: Float64Array;
  /** What adaNorm returns. */
  readonly y: Float64Array;
  readonly yUnits: Float64Array;
  readonly dz: Float64Array;
  /** The contribution of dz to the unit of dx. */
  readonly terms: Float64Array;

  constructor(size: number) {
    const array = () => new Float64Array(size);
    [this.t, this.rest, this.z, this.zUnits] = [array(), array(), array(), array()];
    [this.zRms, this.zRmsUnits, this.y, this.yUnits] = [array(), array(), array(), array()];
    [this.zL2, this.zL2Units, this.dz, this.terms] = [array(), array(), array(), array()];
  }

  /** Computes everything for the row x, and returns its moments. */
  set(x: Float32Array, options: Options): Moments {
    const { size, ddof, scale, k } = options;
    const { t, z, zUnits, zRms, zRmsUnits, zL2, zL2Units, y, yUnits } = this;
    const moments = momentsOf(x, t, this.rest);
    this.variance = quotient(moments.squares, size - ddof);
    this.square = quotient(moments.originSquares, size);
    this.rstd = rstdOf(this.variance, options);
    this.rstdRms = rstdOf(this.square, options);
    this.sumSquare = quotient(moments.originSquares, 1);
    this.rstdL2 = rstdOf(this.sumSquare, { eps: options.eps, epsAt: "norm" });
    for (let i = 0; i < size; i++) {
      const zi = (t[i] as number) * this.rstd;
      const magnitude = Math.abs(zi);
      const unit = Math.max(1, magnitude);
      z[i] = zi;
      zUnits[i] = unit;
      y[i] = scale * (1 - k * zi) * zi;
      yUnits[i] = scale * unit * (1 + 2 * k * magnitude);
      const rms = (x[i] as number) * this.rstdRms;
      zRms[i] = rms;
      zRmsUnits[i] = Math.max(1, Math.abs(rms));
      const l2 = (x[i] as number) * this.rstdL2;
      zL2[i] = l2;
      zL2Units[i] = Math.max(LEAST_NORMAL, Math.abs(l2));
    }
    return moments;
  }

  /** dx of that row into `dx`, for dy = dL/dy; returns the unit of its errors. */
  gradient(dx: Float64Array, one: Case, dy: Float32Array, options: Options, gain: Float32Array): number {
    const { norm, detachScale = true, params, detached = norm === "detachNorm" } = one;
    const { size, scale, ddof } = options;
    const { dz, terms } = this;
    const origin = isOrigin(norm);
    const isL2 = norm === "l2Norm";
    const z = isL2 ? this.zL2 : origin ? this.zRms : this.z;
    const rstd = isL2 ? this.rstdL2 : origin ? this.rstdRms : this.rstd;
    const kappa = isL2
      ? kappaOf(this.sumSquare, { eps: options.eps, epsAt: "norm" })
      : kappaOf(origin ? this.square : this.variance, options);
    const slope = detachScale ? options.k : 2 * options.k;
    for (let i = 0; i < size; i++) {
      const dyi = dy[i] as number;
      const zi = z[i] as number;
      let dzi = dyi;
      let unit = Math.abs(dyi);
      if (norm === "adaNorm") {
        dzi *= scale * (1 - slope * zi);
        // The two terms may cancel, but their errors do not.
        unit *= scale * (1 + slope * Math.abs(zi));
      }
      if (params) {
        dzi *= gain[i] as number;
        unit = Math.abs(dzi);
      }
      dz[i] = dzi;
      terms[i] = unit;
    }
    const { a, s } = gradient(dx, dz, z, {
      rstd,
      kappa,
      freedom: isL2 ? 1 : origin ? size : size - ddof,
      detachMean: detached || origin,
      detachStd: detached,
    });
    let largest = 0;
    for (let i = 0; i < size; i++) {
      const unit = (terms[i] as number) + Math.abs(a) + 2 * Math.abs(s * (z[i] as number));
      if (unit > largest) largest = unit;
    }
    return rstd * largest;
  }
}
