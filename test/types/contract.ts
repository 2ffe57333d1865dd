/** Only compiled: the exports of the package can be used as api.d.ts promises. */
import * as adanorm from "adanorm";
import * as reference from "adanorm/reference";
import type * as api from "./api.d.ts";

/** Compiles only if every Ours is a Promised. */
type Holds<Ours extends Promised, Promised> = Ours;

/** Compiles only if both are the same. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : never;

export type Results = [
  Holds<adanorm.HostArray, api.HostArray>,
  Holds<adanorm.Matrix, api.Matrix>,
  Holds<adanorm.RowStats, api.RowStats>,
  Holds<adanorm.Forward<Float32Array>, api.Forward<Float32Array>>,
  Holds<adanorm.Backward<Float32Array>, api.Backward<Float32Array>>,
  Holds<adanorm.Norm, api.Norm>,
  Holds<adanorm.Prepared<number>, api.Prepared<number>>,
  Holds<adanorm.Rows, api.Rows>,
  Holds<adanorm.Kernels, api.Kernels>,
];

/** For arguments it is the other way round: everything that api.d.ts promises to accept is accepted. */
export type Arguments = [
  Holds<api.StatsOptions, adanorm.StatsOptions>,
  Holds<api.AdaNormOptions, adanorm.AdaNormOptions>,
  Holds<api.LoadOptions, adanorm.LoadOptions>,
  Holds<api.Params<Float32Array>, adanorm.Params<Float32Array>>,
];

export const sameOptions: [
  Same<keyof api.AdaNormOptions, keyof adanorm.AdaNormOptions>,
  Same<keyof api.LoadOptions, keyof adanorm.LoadOptions>,
  Same<keyof api.Rows, keyof adanorm.Rows>,
] = [true, true, true];

export const load: typeof api.load = adanorm.load;
export const loadSync: typeof api.loadSync = adanorm.loadSync;

/** An array gives an array, a matrix a matrix. */
export function kinds(norm: adanorm.Norm, x: Float32Array, m: adanorm.Matrix): [Float32Array, adanorm.Matrix] {
  const a: adanorm.Forward<Float32Array> = norm.forward(x, { out: x });
  const b: adanorm.Forward<adanorm.Matrix> = norm.forward(m, { gain: x, bias: m });
  const c: Float32Array = norm.backward(x, x, a, { accumulate: false }).dx;
  const d: adanorm.Matrix = norm.backward(m, m, b).dx;
  // @ts-expect-error: a double-precision array is not taken
  norm.forward(new Float64Array(4));
  // @ts-expect-error: nor is an option of an unknown name
  norm.forward(x, { output: x });
  return [c, d];
}

/** Options of the kernels serve the reference as they are. */
export function options(stats: adanorm.StatsOptions, ada: adanorm.AdaNormOptions): void {
  reference.forward("layerNorm", [1, 2], stats);
  reference.backward("adaNorm", [1, 2], [3, 4], ada);
}
