/**
 * Only compiled, under the settings of the strictest users (tsconfig.*.json beside this file). The published types are
 * exact, refuse what would throw, and contain no `any` that would hide mistakes.
 */
import {
  type AdaNormOptions,
  type BackwardOptions,
  type Kernels,
  type LoadOptions,
  load,
  loadSync,
  type Matrix,
  type Norm,
} from "adanorm";
import { backward, bits, forward, int8, type NormName } from "adanorm/reference";
import * as byUrl from "adanorm/url";

type Is<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

/** Compiles only if the value has exactly the type: neither wider, nor narrower, nor `any`. */
function expectType<Expected>() {
  return <Actual>(_value: Actual, ..._proof: Is<Actual, Expected> extends true ? [] : [never]): void => {};
}

/** The types at which the search for `any` stops: the libraries' own types do not matter. */
type Leaf =
  | string
  | number
  | boolean
  | symbol
  | undefined
  | null
  | Float32Array
  | Float64Array
  | ArrayBuffer
  | ArrayBufferView
  | URL;

/** Whether `any` is anywhere in T: in a property, a parameter or result of any overload, what a promise or list holds. */
type HoldsAny<T> = 0 extends 1 & T
  ? true
  : T extends Leaf
    ? false
    : T extends Promise<infer Content> | ArrayLike<infer Content>
      ? HoldsAny<Content>
      : T extends { (...a: infer A): infer B; (...c: infer C): infer D }
        ? HoldsAny<A[number]> | HoldsAny<B> | HoldsAny<C[number]> | HoldsAny<D>
        : T extends object
          ? { [Key in keyof T]-?: HoldsAny<T[Key]> }[keyof T]
          : false;

/** Compiles only if no type in the list is true. */
type None<_T extends false> = true;

export type NoAny = [
  None<HoldsAny<typeof load>>,
  None<HoldsAny<typeof loadSync>>,
  None<HoldsAny<typeof byUrl>>,
  None<HoldsAny<typeof forward>>,
  None<HoldsAny<typeof backward>>,
];

// biome-ignore lint/suspicious/noExplicitAny: planted, to be found
type Planted = (options: { deep?: { list(x: number): Promise<any> } | undefined }) => void;
// @ts-expect-error: there is one
export type PlantedIsFound = None<HoldsAny<Planted>>;

export async function loading(bytes: Uint8Array<ArrayBuffer>, options: LoadOptions): Promise<void> {
  expectType<Kernels>()(await load());
  expectType<Kernels>()(loadSync(options));
  expectType<Kernels>()(await byUrl.load({ ...options, url: "adanorm.wasm" }));
  expectType<Kernels>()(await byUrl.load({ url: new URL("https://example.org/adanorm.wasm") }));
  await load({ module: bytes, maximumBytes: 2 ** 20, relaxedSimd: true });
  await load({ module: bytes.buffer });
  await load({ module: await WebAssembly.compile(bytes) });
  await load({ module: undefined, maximumBytes: undefined, relaxedSimd: undefined });
  // @ts-expect-error: a cap is a number
  await load({ maximumBytes: "1 MB" });
  // @ts-expect-error: an option of an unknown name
  await load({ relaxed: true });
  // @ts-expect-error: the main entry takes no URL
  await load({ url: "adanorm.wasm" });
  // @ts-expect-error: a number is no URL
  await byUrl.load({ url: 4 });
}

export async function threading(kernels: Kernels): Promise<void> {
  const createWorker = () => new Worker(new URL("thread.js", "https://example.org"), { type: "module" });
  await load({ threads: 2, createWorker });
  await byUrl.load({ threads: 2, createWorker });
  await load({ threads: undefined, createWorker: undefined });
  expectType<number>()(kernels.threads);
  expectType<void>()(kernels.close());
  // @ts-expect-error: it tells how many there are
  kernels.threads = 2;
  // @ts-expect-error: a worker, not a function that makes one
  await load({ createWorker: createWorker() });
}

export function making(kernels: Kernels): void {
  expectType<Norm<"f32", true>>()(
    kernels.layerNorm({ size: 4, eps: undefined, epsAt: "std", ddof: 1, detachMean: true }),
  );
  expectType<Norm<"f32", false>>()(kernels.layerNormSimple({ size: 4 }));
  expectType<Norm<"f32", false>>()(kernels.detachNorm({ size: 4, detachStd: false }));
  expectType<Norm<"f32", false>>()(kernels.adaNorm({ size: 4, scale: 2, k: 0.1, detachScale: undefined }));
  expectType<Norm<"bf16", true>>()(kernels.rmsNorm({ size: 4, dtype: "bf16" }));
  expectType<Norm<"f16", false>>()(kernels.l2Norm({ size: 4, eps: 1e-6, dtype: "f16", detachStd: true }));
  // @ts-expect-error: there is no mean to hold constant
  kernels.l2Norm({ size: 4, detachMean: true });
  expectType<Matrix<"f32">>()(kernels.matrix(2, 4));
  expectType<Matrix<"f32">>()(kernels.matrix(new Float32Array(8), 4));
  expectType<Matrix<"bf16">>()(kernels.matrix(2, 4, "bf16"));
  expectType<Matrix<"f16">>()(kernels.matrix(new Float32Array(8), 4, "f16"));
  expectType<Matrix<"f16">>()(kernels.matrix(new Uint16Array(8), 4, "f16"));
  expectType<Uint16Array>()(kernels.matrix(2, 4, "f16").data);
  expectType<Float32Array>()(kernels.matrix(2, 4).toArray());
  expectType<Float32Array>()(kernels.matrix(2, 4, "f16").toFloat32());
  // @ts-expect-error: no such element type
  kernels.matrix(2, 4, "f64");
  expectType<"simd128" | "relaxed-simd">()(kernels.simd);
  expectType<{ used: number; size: number }>()(kernels.memory);
  // @ts-expect-error: size has no default
  kernels.layerNorm({});
  // @ts-expect-error: nor have the options as a whole
  kernels.adaNorm();
  // @ts-expect-error: 0 or 1
  kernels.layerNorm({ size: 4, ddof: 2 });
  // @ts-expect-error: "variance" or "std"
  kernels.layerNorm({ size: 4, epsAt: "sigma" });
  // @ts-expect-error: C is adaNorm's alone
  kernels.layerNorm({ size: 4, scale: 2 });
  // @ts-expect-error: a matrix is made from f32
  kernels.matrix(new Float64Array(8), 4);
  // @ts-expect-error: and has columns
  kernels.matrix(8);
  // @ts-expect-error: which build runs is not the caller's to set
  kernels.simd = "relaxed-simd";
}

export function matrices(kernels: Kernels): void {
  using matrix = kernels.matrix(2, 4);
  expectType<number>()(matrix.rows);
  expectType<number>()(matrix.cols);
  expectType<Float32Array>()(matrix.data);
  expectType<Float32Array>()(matrix.toArray());
  expectType<void>()(matrix.free());
  // @ts-expect-error: the view changes by what is written to it
  matrix.data = new Float32Array(8);
  // @ts-expect-error: a shape is for life
  matrix.rows = 3;
}

export function norms(norm: Norm, x: Float32Array, matrix: Matrix): void {
  const of = norm.forward(x);
  expectType<Float32Array>()(of.y);
  expectType<Float64Array>()(of.mean);
  expectType<Float64Array>()(of.rstd);
  expectType<Matrix>()(norm.forward(matrix).y);
  expectType<Float32Array<ArrayBuffer>>()(norm.forward(new Float32Array(8)).y);
  norm.forward(x, { gain: x, bias: matrix, out: x });
  norm.forward(matrix, { gain: undefined, bias: undefined, out: undefined });
  expectType<Float32Array>()(norm.forward(x, { stats: false, residual: x }).sum);
  // @ts-expect-error: there are no statistics then
  norm.forward(x, { stats: false }).mean;
  norm.forward(x, { stats: true }).mean;
  using prepared = norm.prepareForward(matrix, { gain: matrix, stats: false });
  expectType<Matrix>()(prepared.run(1).y);
  expectType<Matrix>()(norm.prepareForward(matrix, { residual: matrix }).result.sum);
  expectType<Matrix>()(norm.prepareBackward(matrix, matrix, prepared, { accumulate: false }).run().dx);
  // @ts-expect-error: arrays are not prepared
  norm.prepareForward(x);

  const summed = norm.forward(x, { residual: x, sum: x, rowStride: { x: 8, residual: 8, sum: 4, out: undefined } });
  expectType<Float32Array>()(summed.sum);
  expectType<Uint16Array>()(norm.forward(new Uint16Array(8) as Uint16Array, { rowStride: 4 }).y);
  // @ts-expect-error: without a residual there is no sum
  of.sum;
  // @ts-expect-error: a residual is of x's kind
  norm.forward(x, { residual: matrix });
  // @ts-expect-error: no such batch in forward
  norm.forward(x, { rowStride: { dy: 4 } });
  norm.backward(x, x, of, { dSum: x, rowStride: { dy: 4, x: 8, dSum: 8, dx: 8 } });

  const back = norm.backward(x, x, of, { gain: x, out: { dx: x, dGain: x, dBias: matrix }, accumulate: true });
  expectType<Float32Array>()(back.dx);
  expectType<Float32Array>()(back.dGain);
  expectType<Matrix>()(back.dBias);
  expectType<Matrix>()(norm.backward(matrix, matrix).dx);
  norm.backward(x, x, undefined, { out: undefined, accumulate: undefined });
  norm.backward(x, x, { mean: new Float64Array(2), rstd: new Float64Array(2) });

  // @ts-expect-error: doubles are not taken
  norm.forward(new Float64Array(8));
  // @ts-expect-error: nor lists
  norm.forward([1, 2, 3, 4]);
  // @ts-expect-error: nor what only looks like a matrix
  norm.forward({ rows: 2, cols: 4, data: x });
  // @ts-expect-error: the result of an array does not go to a matrix
  norm.forward(x, { out: matrix });
  // @ts-expect-error: dy and x are of one kind
  norm.backward(x, matrix);
  // @ts-expect-error: statistics are doubles
  norm.backward(x, x, { mean: x, rstd: x });
  // @ts-expect-error: and both of them
  norm.backward(x, x, { mean: of.mean });
  // @ts-expect-error: accumulate is of backward alone
  norm.forward(x, { accumulate: true });
  // @ts-expect-error: size is bound
  norm.size = 8;
}

/** Every gradient that was asked for is there, and of the type that was asked for. */
export function gradients(norm: Norm, x: Float32Array, matrix: Matrix, options: BackwardOptions<Float32Array>): void {
  const given = norm.backward(x, x, undefined, { gain: x, bias: matrix });
  expectType<Float32Array>()(given.dGain);
  expectType<Float32Array>()(given.dBias);
  expectType<Matrix<"f32">>()(norm.backward(matrix, matrix, undefined, { gain: x }).dGain);
  expectType<undefined>()(norm.backward(x, x, undefined, { gain: x }).dBias);
  expectType<Float32Array | Matrix | undefined>()(norm.backward(x, x, undefined, { gain: options.gain }).dGain);
  const unknown = norm.backward(x, x, undefined, options);
  expectType<Float32Array | Matrix | undefined>()(unknown.dGain);
  expectType<Float32Array>()(unknown.dx);
  const sums = norm.backward(x, x, undefined, { gain: x, dx: false });
  expectType<Float32Array>()(sums.dGain);
  // @ts-expect-error: there is no dx then
  sums.dx;
  // @ts-expect-error: nor a place for one
  norm.backward(x, x, undefined, { gain: x, dx: false, out: { dx: x } });
  expectType<Float32Array>()(norm.backward(x, x, undefined, { gain: x, dx: true }).dx);
  expectType<Matrix<"f32">>()(norm.prepareBackward(matrix, matrix, undefined, { gain: matrix }).result.dGain);
  // @ts-expect-error: an option of an unknown name
  norm.backward(x, x, undefined, { gain: x, dy: x });
  // @ts-expect-error: a gain is an array or a matrix
  norm.backward(x, x, undefined, { gain: 3 });
}

/** What a norm does not have, and a storage that it does not have, do not compile. */
export function refused(kernels: Kernels, x: Float32Array, bits: Uint16Array, wide: Matrix): void {
  const [affine, plain] = [kernels.layerNorm({ size: 4 }), kernels.adaNorm({ size: 4 })];
  affine.forward(x, { gain: x, bias: x });
  affine.backward(x, x, undefined, { gain: x });
  // @ts-expect-error: adaNorm has no gain
  plain.forward(x, { gain: x });
  // @ts-expect-error: and no bias
  plain.forward(x, { bias: x, stats: false });
  // @ts-expect-error: so there is no gradient of them
  plain.backward(x, x, undefined, { gain: x });
  // @ts-expect-error: nor a place for one
  plain.backward(x, x, undefined, { out: { dGain: x } });
  plain.backward(x, x, undefined, { out: { dx: x } });
  const half = kernels.rmsNorm({ size: 4, dtype: "f16" });
  half.forward(bits, { gain: x });
  half.forward(kernels.matrix(2, 4, "f16"));
  // What a matrix holds is checked by the call.
  half.forward(wide);
  affine.forward(wide);
  // @ts-expect-error: f16 are not in a Float32Array
  half.forward(x);
  // @ts-expect-error: f32 are not in a Uint16Array
  affine.forward(bits);
  // @ts-expect-error: the same in backward
  affine.backward(bits, bits);
  // @ts-expect-error: also with options
  half.backward(x, x, undefined, { gain: x });
  // A norm of any kind is a Norm.
  const all: Norm[] = [affine, plain, half];
  expectType<Norm | undefined>()(all[0]);
}

export function reductions(kernels: Kernels, x: Float32Array, matrix: Matrix): void {
  const rows = kernels.rows(4);
  for (const batch of [x, matrix]) {
    expectType<Float64Array>()(rows.sum(batch));
    expectType<Float64Array>()(rows.mean(batch));
    expectType<Float64Array>()(rows.variance(batch, { ddof: 1 }));
    expectType<Float64Array>()(rows.std(batch, { ddof: undefined }));
    expectType<Float64Array>()(rows.rms(batch));
    expectType<Float64Array>()(rows.l1(batch));
    expectType<Float64Array>()(rows.l2(batch));
    expectType<Float64Array>()(rows.sumSquare(batch));
    expectType<Float64Array>()(rows.min(batch));
    expectType<Float64Array>()(rows.max(batch));
    expectType<{ mean: Float64Array; variance: Float64Array }>()(rows.moments(batch));
    expectType<{ values: Int8Array; scale: Float64Array }>()(rows.int8(batch, { scale: undefined, rowStride: 4 }));
    expectType<Uint8Array>()(rows.bits(batch));
  }
  // @ts-expect-error: a sum has no degrees of freedom
  rows.sum(x, { ddof: 1 });
  rows.l1(x, { rowStride: 8 });
  // @ts-expect-error: bits have no scale
  rows.bits(x, { scale: 1 });
  // @ts-expect-error: a number of elements
  kernels.rows({ size: 4 });
}

export function references(name: NormName, options: AdaNormOptions, x: Float32Array): void {
  expectType<Float64Array>()(forward(name, x, options).y);
  expectType<Float64Array>()(forward(name, [1, 2], { ...options, gain: [1, 2] }).rstd);
  expectType<Float64Array>()(backward(name, x, x, options).dGain);
  // @ts-expect-error: the name is that of a norm
  forward("batchNorm", x, options);
  // @ts-expect-error: as everywhere, size has no default
  backward(name, x, x, {});
  expectType<{ values: Int8Array; scale: Float64Array }>()(int8([1, 2], { size: 2 }));
  expectType<Uint8Array>()(bits(x, { size: 2, rowStride: 3 }));
}
