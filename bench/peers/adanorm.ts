/** adanorm itself, where the job has its batches; the variant "relaxed" is the build with relaxed SIMD, "threads" has two. */
import { type Kernels, load, type Matrix, type Norm } from "adanorm";
import {
  type BackwardJob,
  type ChannelsJob,
  type ForwardJob,
  inputs,
  type Job,
  K,
  type Numbers,
  type ReduceJob,
  SCALE,
  type Task,
} from "../job.ts";
import { versionOf } from "./version.ts";

type Batch = Float32Array | Matrix;
type Dtype = NonNullable<ForwardJob["dtype"]> | "f32";

function numbersOf(batch: Batch): Float32Array {
  return batch instanceof Float32Array ? batch.slice() : batch.toFloat32();
}

function makeNorm(kernels: Kernels, job: ForwardJob | BackwardJob): Norm {
  const { norm, size } = job;
  const { dtype } = job.kind === "forward" ? job : {};
  return norm === "adaNorm" ? kernels.adaNorm({ size, dtype, scale: SCALE, k: K }) : kernels[norm]({ size, dtype });
}

/** Makes batches where the job has them. All are matrices by their type, so that the compiler takes a call on either. */
function batchesOn(kernels: Kernels, { on = "matrices", size }: ForwardJob | BackwardJob) {
  const resident = on === "matrices" || on === "prepared";
  return {
    from: (source: Float32Array, dtype: Dtype = "f32") =>
      (resident ? kernels.matrix(source, size, dtype) : source.slice()) as Matrix,
    zeros: (rows: number, dtype: Dtype = "f32") =>
      (resident ? kernels.matrix(rows, size, dtype) : new Float32Array(rows * size)) as Matrix,
  };
}

/** The gain and bias that the norm has. */
function paramsOf(kernels: Kernels, job: ForwardJob | BackwardJob): { gain?: Matrix; bias?: Matrix } {
  if (job.norm !== "layerNorm" && job.norm !== "rmsNorm") return {};
  const { from } = batchesOn(kernels, job);
  const gain = from(inputs.gain(job));
  return job.norm === "rmsNorm" ? { gain } : { gain, bias: from(inputs.bias(job)) };
}

function free(...batches: (Batch | undefined)[]): void {
  for (const batch of batches) if (batch && !(batch instanceof Float32Array)) batch.free();
}

function forward(kernels: Kernels, job: ForwardJob): Task {
  const { rows, on, nodes = 1, dtype, residual } = job;
  const norm = makeNorm(kernels, job);
  const params = paramsOf(kernels, job);
  const source = inputs.x(job);
  const batches = batchesOn(kernels, job);
  const x = batches.from(source, dtype);
  const y = job.inPlace ? x : batches.zeros(rows, dtype);
  // A residual of zeros, so that x stays what it is however often it is added in place.
  const added = residual && batches.zeros(rows, dtype);
  const sum = residual === "own sum" ? batches.zeros(rows, dtype) : residual && x;
  const out = on === "new arrays" ? {} : { out: y };
  const options = added ? { ...params, ...out, residual: added, sum } : { ...params, ...out };
  const prepared = on === "prepared" ? norm.prepareForward(x, options) : undefined;
  let last: Batch = y;
  const run = () => {
    last = norm.forward(x, options).y;
    for (let node = 1; node < nodes; node++) norm.forward(y, options);
  };
  return {
    run: prepared ? () => void prepared.run() : run,
    result() {
      if (job.inPlace) x.data.set(source);
      this.run();
      return [numbersOf(last)];
    },
    free() {
      prepared?.free();
      free(x, y, added, sum, params.gain, params.bias);
    },
  };
}

function backward(kernels: Kernels, job: BackwardJob): Task {
  const { rows, on } = job;
  const norm = makeNorm(kernels, job);
  const params = job.params ? paramsOf(kernels, job) : {};
  const batches = batchesOn(kernels, job);
  const [x, dy, dx] = [batches.from(inputs.x(job)), batches.from(inputs.dy(job)), batches.zeros(rows)];
  const samples = (job.gains ?? job.size) / job.size;
  const sums = job.params ? { dGain: batches.zeros(samples), dBias: batches.zeros(samples) } : {};
  const stats = norm.forward(x, { ...params, out: dx });
  const options = on === "new arrays" ? params : { ...params, out: { dx, ...sums } };
  const prepared = on === "prepared" ? norm.prepareBackward(dy, x, stats, options) : undefined;
  let last: { [name in "dx" | "dGain" | "dBias"]?: Batch } = { dx, ...sums };
  const run = () => {
    last = norm.backward(dy, x, stats, options);
  };
  return {
    run: prepared ? () => void prepared.run() : run,
    result() {
      this.run();
      return [last.dx, ...(job.params ? [last.dGain, last.dBias] : [])].map((batch) => numbersOf(batch as Batch));
    },
    free() {
      prepared?.free();
      free(x, dy, dx, sums.dGain, sums.dBias, params.gain, params.bias);
    },
  };
}

function overChannels(kernels: Kernels, job: ChannelsJob): Task {
  const { norm: name, rows, size, channels, groups, nodes = 1 } = job;
  const shape = { channels, spatial: job.spatial[0] * job.spatial[1] };
  const norm = name === "groupNorm" ? kernels.groupNorm({ ...shape, groups }) : kernels.instanceNorm(shape);
  const [x, y] = [kernels.matrix(inputs.x(job), size), kernels.matrix(rows, size)];
  const gain = kernels.matrix(inputs.gain(job), channels);
  const bias = kernels.matrix(inputs.bias(job), channels);
  const options = { gain, bias, out: y };
  return {
    run() {
      norm.forward(x, options);
      for (let node = 1; node < nodes; node++) norm.forward(y, options);
    },
    result() {
      this.run();
      return [numbersOf(y)];
    },
    free: () => free(x, y, gain, bias),
  };
}

function reduce(kernels: Kernels, job: ReduceJob): Task {
  const rows = kernels.rows(job.size);
  const x = kernels.matrix(inputs.x(job), job.size);
  const reductions: Record<ReduceJob["reduction"], () => Numbers[]> = {
    sum: () => [rows.sum(x)],
    moments: () => Object.values(rows.moments(x)),
    l2: () => [rows.l2(x)],
    max: () => [rows.max(x)],
    int8: () => Object.values(rows.int8(x)),
    bits: () => [rows.bits(x)],
  };
  const result = reductions[job.reduction];
  return { run: () => void result(), result, free: () => free(x) };
}

export async function open(variant: string | undefined) {
  const relaxedSimd = variant === "relaxed";
  const threads = variant === "threads" ? 2 : 1;
  const kernels = await load({ relaxedSimd, threads });
  if (kernels.threads !== threads) throw new Error("this host has no threads");
  if (relaxedSimd && kernels.simd !== "relaxed-simd") throw new Error("this engine has no relaxed SIMD");
  return {
    version: versionOf("../../package.json"),
    prepare(job: Job): Task {
      if (job.kind === "forward") return forward(kernels, job);
      if (job.kind === "backward") return backward(kernels, job);
      if (job.kind === "channels") return overChannels(kernels, job);
      if (job.kind === "reduce") return reduce(kernels, job);
      // Copies nothing by itself: this is what a copy is compared with.
      return { run() {}, result: () => [inputs.x(job)], free() {} };
    },
  };
}
