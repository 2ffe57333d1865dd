/** The subjects of the measurement: the kernels, and the loop that people write themselves. */
import { type DType, type Kernels, loadSync, type Norm, type RowStats } from "adanorm";
import { plainBackward, plainForward, plainMoments } from "./plain.ts";
import type { Sharing } from "./sharing.ts";
import { decode, type Elements, encode } from "./storage.ts";

export type NormName = "layerNorm" | "layerNormSimple" | "detachNorm" | "adaNorm" | "rmsNorm" | "l2Norm";
export type ChannelNormName = "groupNorm" | "instanceNorm";
export type AnyName = NormName | ChannelNormName;

/** Options of any norm, none left out. */
export interface Options {
  size: number;
  eps: number;
  epsAt: "variance" | "std";
  ddof: 0 | 1;
  scale: number;
  k: number;
  detachScale: boolean;
  /** If left out: both true for detachNorm, both false for the others. */
  detachMean?: boolean;
  detachStd?: boolean;
  dtype: DType;
  /** Which elements share a gain and a bias, where that is not each column. */
  sharing?: Sharing | undefined;
}

export interface Params {
  gain?: Elements;
  bias?: Elements;
}

export interface Gradients {
  dx: Elements;
  dGain?: Float32Array | undefined;
  dBias?: Float32Array | undefined;
}

/** The result of forward; with the sum if there was a residual. */
export interface Outputs extends RowStats {
  y: Elements;
  sum?: Elements;
}

export interface Subject {
  /** Whether rstd is a double, so that 1 / rstd^2 with eps = 0 is the variance that the norm used. */
  readonly showsVariance: boolean;
  moments(x: Elements, options: Options): { mean: Float64Array; variance: Float64Array };
  forward(norm: AnyName, x: Elements, options: Options, given?: Params & { residual?: Elements }): Outputs;
  /** If params are given, also returns dGain and dBias. */
  backward(
    norm: AnyName,
    dy: Elements,
    x: Elements,
    stats: RowStats,
    options: Options,
    given?: Params & { dSum?: Elements },
  ): Gradients;
}

function normOf(kernels: Kernels, norm: AnyName, { sharing, ...options }: Options): Norm {
  if (norm !== "groupNorm" && norm !== "instanceNorm") return kernels[norm](options);
  if (!sharing?.channels) throw new Error(`${norm} has no shape of a sample`);
  const { size: _, ...others } = options;
  const { channels, groups, spatial } = sharing.channels;
  if (norm === "instanceNorm") return kernels.instanceNorm({ ...others, channels, spatial });
  return kernels.groupNorm({ ...others, channels, groups, spatial });
}

export function kernelsSubject(kernels: Kernels = loadSync()): Subject {
  return {
    showsVariance: true,
    moments: (x, { size, ddof, dtype }) => kernels.rows(size, { dtype }).moments(x, { ddof }),
    forward: (norm, x, options, given) => normOf(kernels, norm, options).forward<Elements>(x, given) as Outputs,
    backward: (norm, dy, x, stats, options, given) => {
      return normOf(kernels, norm, options).backward<Elements>(dy, x, stats, given) as Gradients;
    },
  };
}

/** a + b, every sum rounded to f32. */
function added(a: Float32Array, b: Float32Array): Float32Array {
  return a.map((value, i) => value + (b[i] as number));
}

function floats({ gain, bias }: Params, dtype: DType): { gain?: Float32Array; bias?: Float32Array } {
  return { ...(gain && { gain: decode(gain, dtype) }), ...(bias && { bias: decode(bias, dtype) }) };
}

/** The loop in f32; 16-bit batches are converted before and after it. */
export const plainSubject: Subject = {
  showsVariance: false,
  moments: (x, { size, ddof, dtype }) => plainMoments(decode(x, dtype), size, ddof),
  forward: (norm, x, options, { residual, ...params } = {}) => {
    const { dtype } = options;
    const sum = residual && encode(added(decode(x, dtype), decode(residual, dtype)), dtype);
    const result = plainForward(norm, decode(sum ?? x, dtype), options, floats(params, dtype));
    return { ...result, y: encode(result.y, dtype), ...(sum && { sum }) };
  },
  backward: (norm, dy, x, stats, options, { dSum, ...params } = {}) => {
    const { dtype } = options;
    const values = [decode(dy, dtype), decode(x, dtype)] as const;
    const { dx, ...result } = plainBackward(norm, ...values, stats, options, floats(params, dtype));
    return { ...result, dx: encode(dSum ? added(dx, decode(dSum, dtype)) : dx, dtype) };
  },
};
