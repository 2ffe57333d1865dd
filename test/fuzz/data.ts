/** The numbers of a case, and the results of the simplest call: new arrays in, new arrays out. */
import type { Kernels, Norm } from "adanorm";
import { Random } from "../accuracy/random.ts";
import type { Elements } from "../accuracy/storage.ts";
import type { NormCase } from "./cases.ts";
import { makeGradients, makeParam, makeRows } from "./values.ts";

export interface Data {
  x: Elements;
  dy: Elements;
  residual: Elements | undefined;
  dSum: Elements | undefined;
  gain: Elements | undefined;
  bias: Elements | undefined;
  /** The numbers that dGain and dBias are added to, if they are. */
  before: Float32Array;
}

export interface Plain {
  y: Elements;
  sum: Elements | undefined;
  mean: Float64Array;
  rstd: Float64Array;
  dx: Elements;
  /** For the norms that have gain and bias. */
  dGain: Float32Array | undefined;
  dBias: Float32Array | undefined;
}

export function hasParams({ norm }: Pick<NormCase, "norm">): boolean {
  return norm === "layerNorm" || norm === "rmsNorm";
}

export function makeData(each: NormCase): Data {
  const { size, rows, dtype, seed, family, dyFamily, dyExponent } = each;
  const random = new Random(`${seed}`);
  const param = (given: NormCase["gain"]) =>
    given && makeParam(given.family, size, given.float ? "f32" : dtype, random);
  // In this order, so that leaving out later numbers does not change earlier ones.
  const x = makeRows(family, rows, size, dtype, random);
  const dy = makeGradients(dyFamily, rows, size, dtype, dyExponent, random);
  const [gain, bias] = [param(each.gain), param(each.bias)];
  const residual = each.residual ? makeRows("normal", rows, size, dtype, random) : undefined;
  const dSum = each.dSum ? makeRows("normal", rows, size, dtype, random) : undefined;
  const before = makeParam("normal", size, "f32", random) as Float32Array;
  return { x, dy, residual, dSum, gain, bias, before };
}

export function normOf(kernels: Kernels, { norm, size, dtype, options }: NormCase): Norm {
  return kernels[norm]({ size, dtype, ...options });
}

/** Only what is there. */
export function present<T extends object>(options: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  const there = Object.entries(options).filter(([, value]) => value !== undefined);
  return Object.fromEntries(there) as { [K in keyof T]: Exclude<T[K], undefined> };
}

export function runPlain(norm: Norm, { size }: NormCase, data: Data, wantsColumns: boolean): Plain {
  const { x, dy, residual, dSum, gain, bias } = data;
  const { y, sum, mean, rstd } = norm.forward<Elements>(x, present({ gain, bias, residual }) as { residual: Elements });
  const out = wantsColumns ? { dGain: new Float32Array(size), dBias: new Float32Array(size) } : {};
  const { dx } = norm.backward<Elements>(dy, sum ?? x, { mean, rstd }, present({ gain, bias, dSum, out }));
  return { y, sum, mean, rstd, dx, dGain: out.dGain, dBias: out.dBias };
}
