/** The exact results of a norm for a case, row by row, and the bounds of the errors. */
import * as reference from "adanorm/reference";
import { boundOf, ULP } from "../accuracy/bounds.ts";
import { dot, sum } from "../accuracy/double-double.ts";
import { isOrigin } from "../accuracy/exact.ts";
import { kappaOf, momentsOf, quotient, rstdOf, type Sigma } from "../accuracy/oracle.ts";
import { decode } from "../accuracy/storage.ts";
import type { NormCase } from "./cases.ts";
import type { Data, Plain } from "./data.ts";

/** The options of a case, none left out. */
export interface Settings {
  eps: number;
  epsAt: Sigma["epsAt"];
  ddof: number;
  detachMean: boolean;
  detachStd: boolean;
  scale: number;
  k: number;
  /** k, or 2 k where phi is differentiated. */
  slope: number;
}

export function settingsOf({ norm, size, options }: NormCase): Settings {
  const isL2 = norm === "l2Norm";
  const { eps = isL2 ? 1e-12 : 1e-5, epsAt = "variance", scale = 1, k = 0.1, detachScale = true } = options;
  const detached = norm === "detachNorm";
  return {
    eps,
    epsAt: isL2 ? "norm" : epsAt,
    ddof: isL2 ? size - 1 : isOrigin(norm) ? 0 : (options.ddof ?? 0),
    detachMean: (options.detachMean ?? detached) || isOrigin(norm),
    detachStd: options.detachStd ?? detached,
    scale,
    k,
    slope: detachScale ? k : 2 * k,
  };
}

/** The exact values of one row, and the bounds of the errors. */
export interface Row {
  mean: number;
  /** sum (x - mean)^2 / (H - ddof), or sum x^2 / H, or for l2Norm sum x^2 */
  variance: number;
  rstd: number;
  isConstant: boolean;
  /** The normalised row, before gain and bias or phi. */
  z: Float64Array;
  y: Float64Array;
  dx: Float64Array;
  /** The bounds of y, element by element, and of dx. */
  yBounds: Float64Array;
  dxBound: number;
}

/** How the statistics and gradients of rows are found: by the plain reference, or in double-double arithmetic. */
export type Way = "reference" | "oracle";

/** Numbers as they are stored, for one case. */
export class Exact {
  readonly x: Float32Array;
  readonly #dy: Float32Array;
  readonly #dSum: Float32Array | undefined;
  readonly #gain: Float32Array | undefined;
  readonly #bias: Float32Array | undefined;
  readonly #each: NormCase;
  readonly settings: Settings;
  #forward: reference.ReferenceForward | undefined;
  #backward: reference.ReferenceBackward | undefined;

  constructor(each: NormCase, data: Data, plain: Plain) {
    const { dtype } = each;
    const param = (elements: Data["gain"]) =>
      elements && decode(elements, elements instanceof Float32Array ? "f32" : dtype);
    this.#each = each;
    this.settings = settingsOf(each);
    this.x = decode(plain.sum ?? data.x, dtype);
    this.#dy = decode(data.dy, dtype);
    this.#dSum = data.dSum && decode(data.dSum, dtype);
    this.#gain = param(data.gain);
    this.#bias = param(data.bias);
  }

  get options(): reference.ReferenceOptions {
    const { size, options } = this.#each;
    return { size, ...options, gain: this.#gain, bias: this.#bias };
  }

  get forward(): reference.ReferenceForward {
    this.#forward ??= reference.forward(this.#each.norm, this.x, this.options);
    return this.#forward;
  }

  get backward(): reference.ReferenceBackward {
    this.#backward ??= reference.backward(this.#each.norm, this.#dy, this.x, this.options);
    return this.#backward;
  }

  /** dy of a row. */
  upstream(row: number): Float32Array {
    const { size } = this.#each;
    return this.#dy.subarray(row * size, (row + 1) * size);
  }

  row(row: number, way: Way): Row {
    const { norm, size } = this.#each;
    const { settings } = this;
    const { eps, epsAt, ddof, detachMean, detachStd, scale, k, slope } = settings;
    const start = row * size;
    const x = this.x.subarray(start, start + size);
    const dy = this.upstream(row);
    const atOrigin = isOrigin(norm);
    const freedom = size - ddof;
    const exact = way === "oracle";

    const t = new Float64Array(size);
    let [mean, variance, rstd] = [0, 0, 0];
    if (exact) {
      const moments = momentsOf(x, t, new Float64Array(size));
      if (atOrigin) t.set(x);
      mean = atOrigin ? 0 : moments.mean.high;
      variance = quotient(atOrigin ? moments.originSquares : moments.squares, freedom);
      rstd = this.#most(rstdOf(variance, settings));
    } else {
      mean = this.forward.mean[row] as number;
      rstd = this.#rstd(row);
      for (let i = 0; i < size; i++) {
        t[i] = (x[i] as number) - mean;
        variance += (t[i] as number) ** 2;
      }
      variance /= freedom;
    }
    const isConstant = x.every((value) => value === (atOrigin ? 0 : x[0]));

    const z = t.map((value) => value * rstd);
    const y = exact ? new Float64Array(size) : this.forward.y.subarray(start, start + size);
    const dz = new Float64Array(size);
    const yBounds = new Float64Array(size);
    // |dz|, or for adaNorm the sum of the magnitudes of its two terms, which may cancel while their errors do not.
    const terms = new Float64Array(size);
    const gain = this.#gain;
    const bias = this.#bias;
    for (let i = 0; i < size; i++) {
      const zi = z[i] as number;
      const magnitude = Math.abs(zi);
      const unit = ULP * Math.max(1, magnitude);
      let dzi = dy[i] as number;
      let gradient = Math.abs(dzi);
      if (norm === "adaNorm") {
        dzi *= scale * (1 - slope * zi);
        gradient *= scale * (1 + slope * magnitude);
        if (exact) y[i] = scale * (1 - k * zi) * zi;
        yBounds[i] = boundOf("y", size) * unit * scale * (1 + 2 * k * magnitude);
      } else {
        const factor = gain ? (gain[i] as number) : 1;
        dzi *= factor;
        gradient = Math.abs(dzi);
        if (exact) y[i] = factor * zi + (bias ? (bias[i] as number) : 0);
        // The gain's product and the bias's sum are rounded once each.
        const rounding = gain || bias ? ULP * (Math.abs(factor) * magnitude + Math.abs(y[i] as number)) : 0;
        // Where no mean is subtracted, nothing cancels: elements of unit vectors, which are small, are as exact as others.
        const own = norm === "l2Norm" ? ULP * magnitude : unit;
        yBounds[i] = boundOf("z", size) * own * Math.abs(factor) + rounding;
      }
      dz[i] = dzi;
      terms[i] = gradient;
    }
    let dx: Float64Array;
    let [a, s] = [0, 0];
    if (exact) {
      dx = new Float64Array(size);
      // kappa / sigma, computed together because neither need fit a double.
      let factor = rstd;
      if (epsAt === "std") factor = variance === 0 ? 0 : 1 / Math.sqrt(variance);
      if (epsAt === "norm") factor *= kappaOf(variance, { eps, epsAt });
      a = detachMean ? 0 : quotient(sum(dz), size);
      s = detachStd || (isConstant && eps > 0) ? 0 : quotient(dot(dz, t), freedom) * factor;
      for (let i = 0; i < size; i++) {
        const difference = (dz[i] as number) - a - s * (z[i] as number);
        dx[i] = difference === 0 && eps > 0 ? 0 : difference * rstd;
      }
    } else {
      dx = this.backward.dx.subarray(start, start + size);
      if (!detachMean) a = dz.reduce((total, value) => total + value, 0) / size;
      if (!detachStd) {
        for (let i = 0; i < size; i++) s += (dz[i] as number) * (z[i] as number);
        s *= kappaOf(variance, { eps, epsAt }) / freedom;
      }
    }
    let largest = 0;
    for (let i = 0; i < size; i++) {
      const term = (terms[i] as number) + Math.abs(a) + 2 * Math.abs(s * (z[i] as number));
      // A NaN must not become the bound of the others.
      if (term > largest) largest = term;
    }
    return { mean, variance, rstd, isConstant, z, y, dx, yBounds, dxBound: boundOf("dx", size) * ULP * rstd * largest };
  }

  #rstd(row: number): number {
    return this.#most(this.forward.rstd[row] as number);
  }

  /** 1 / sigma may be more than a double holds although sigma is not 0: then it is the largest double. */
  #most(rstd: number): number {
    return this.settings.eps > 0 ? Math.min(rstd, Number.MAX_VALUE) : rstd;
  }

  /** z of a row by the reference, before gain and bias. */
  zOf(row: number): Float64Array {
    const { size } = this.#each;
    const [mean, rstd] = [this.forward.mean[row] as number, this.#rstd(row)];
    return Float64Array.from(this.x.subarray(row * size, (row + 1) * size), (value) => (value - mean) * rstd);
  }

  /** What is added to dx. */
  onto(row: number): Float32Array | undefined {
    const { size } = this.#each;
    return this.#dSum?.subarray(row * size, (row + 1) * size);
  }

  get biasOf(): Float32Array | undefined {
    return this.#bias;
  }
}
