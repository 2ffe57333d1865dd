/** The exact statistics of a row, the exact results of all norms, and the units of their errors. */
import { gradient, kappaOf, type Moments, momentsOf, quotient, rstdOf } from "./oracle.ts";
import type { NormName, Options } from "./subjects.ts";

/** One way through backward. */
export interface Case {
  label: string;
  norm: NormName;
  detachScale?: boolean;
  /** Both statistics are held constant, in a norm that does not do this by default. */
  detached?: boolean;
  /** With gain and bias, and their gradients. */
  params?: boolean;
}

export const CASES: readonly Case[] = [
  { label: "layerNormSimple", norm: "layerNormSimple" },
  { label: "layerNorm with gain", norm: "layerNorm", params: true },
  { label: "adaNorm", norm: "adaNorm" },
  { label: "adaNorm, detachScale false", norm: "adaNorm", detachScale: false },
  { label: "adaNorm, statistics detached", norm: "adaNorm", detached: true },
  { label: "rmsNorm with gain", norm: "rmsNorm", params: true },
  { label: "detachNorm", norm: "detachNorm" },
];

/** Many rows serve the sums down the columns. */
export const COLUMN_CASES = CASES.filter((each) => each.params);

/** Whether a norm takes the mean as 0. */
export const isOrigin = (norm: NormName) => norm === "rmsNorm";

/** The exact values for one row of a batch. The arrays are used again for each row. */
export class ExactRow {
  variance = 0;
  /** sum x^2 / H */
  square = 0;
  rstd = 0;
  rstdRms = 0;
  readonly t: Float64Array;
  readonly rest: Float64Array;
  /** The normalised row. */
  readonly z: Float64Array;
  readonly zUnits: Float64Array;
  readonly zRms: Float64Array;
  readonly zRmsUnits: Float64Array;
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
    [this.dz, this.terms] = [array(), array()];
  }

  /** Computes everything for the row x, and returns its moments. */
  set(x: Float32Array, options: Options): Moments {
    const { size, ddof, scale, k } = options;
    const { t, z, zUnits, zRms, zRmsUnits, y, yUnits } = this;
    const moments = momentsOf(x, t, this.rest);
    this.variance = quotient(moments.squares, size - ddof);
    this.square = quotient(moments.originSquares, size);
    this.rstd = rstdOf(this.variance, options);
    this.rstdRms = rstdOf(this.square, options);
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
    }
    return moments;
  }

  /** dx of that row into `dx`, for dy = dL/dy; returns the unit of its errors. */
  gradient(dx: Float64Array, one: Case, dy: Float32Array, options: Options, gain: Float32Array): number {
    const { norm, detachScale = true, params, detached = norm === "detachNorm" } = one;
    const { size, scale, ddof } = options;
    const { dz, terms } = this;
    const origin = isOrigin(norm);
    const z = origin ? this.zRms : this.z;
    const rstd = origin ? this.rstdRms : this.rstd;
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
      kappa: kappaOf(origin ? this.square : this.variance, options),
      freedom: origin ? size : size - ddof,
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
