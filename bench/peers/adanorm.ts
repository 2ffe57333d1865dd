/** adanorm itself, on matrices unless the job says otherwise; the variant "relaxed" is the build with relaxed SIMD. */
import { type Kernels, load, type Matrix } from "adanorm";
import {
  type BackwardJob,
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

function numbersOf(batch: Batch): Float32Array {
  return batch instanceof Float32Array ? batch.slice() : batch.toFloat32();
}

function makeNorm(kernels: Kernels, job: ForwardJob | BackwardJob) {
  const { norm, size } = job;
  const { dtype } = job.kind === "forward" ? job : {};
  return norm === "adaNorm" ? kernels.adaNorm({ size, dtype, scale: SCALE, k: K }) : kernels[norm]({ size, dtype });
}

/** The gain and bias that the norm has. */
function paramsOf(kernels: Kernels, job: ForwardJob): { gain?: Matrix; bias?: Matrix } {
  if (job.norm !== "layerNorm" && job.norm !== "rmsNorm") return {};
  const gain = kernels.matrix(inputs.gain(job), job.size);
  return job.norm === "rmsNorm" ? { gain } : { gain, bias: kernels.matrix(inputs.bias(job), job.size) };
}

function free(...batches: (Batch | undefined)[]): void {
  for (const batch of batches) if (batch && !(batch instanceof Float32Array)) batch.free();
}

function forward(kernels: Kernels, job: ForwardJob): Task {
  const { size, rows, on = "matrices", nodes = 1, dtype = "f32", residual } = job;
  const norm = makeNorm(kernels, job);
  const params = paramsOf(kernels, job);
  const source = inputs.x(job);
  const x: Batch = on === "matrices" ? kernels.matrix(source, size, dtype) : source.slice();
  const y: Batch = job.inPlace ? x : on === "matrices" ? kernels.matrix(rows, size, dtype) : source.slice();
  // A residual of zeros, so that x stays the same however often the residual is added in place.
  const added = residual && kernels.matrix(rows, size, dtype);
  const sum = residual === "own sum" ? kernels.matrix(rows, size, dtype) : residual && (x as Matrix);
  const out = on === "new arrays" ? {} : { out: y };
  const options = added ? { ...params, ...out, residual: added, sum } : { ...params, ...out };
  let last = norm.forward(x, options).y;
  return {
    run() {
      last = norm.forward(x, options).y;
      for (let node = 1; node < nodes; node++) norm.forward(y, options);
    },
    result() {
      if (job.inPlace) (x instanceof Float32Array ? x : (x as Matrix<"f32">).data).set(source);
      this.run();
      return [numbersOf(last)];
    },
    free: () => free(x, y, added, sum, params.gain, params.bias),
  };
}

function backward(kernels: Kernels, job: BackwardJob): Task {
  const { size, rows } = job;
  const norm = makeNorm(kernels, job);
  const params = job.params ? paramsOf(kernels, { ...job, kind: "forward" }) : {};
  const x = kernels.matrix(inputs.x(job), size);
  const dy = kernels.matrix(inputs.dy(job), size);
  const dx = kernels.matrix(rows, size);
  const sums = job.params ? [kernels.matrix(1, size), kernels.matrix(1, size)] : [];
  const [dGain, dBias] = sums;
  const stats = norm.forward(x, { ...params, out: dx });
  const options = { ...params, out: dGain && dBias ? { dx, dGain, dBias } : { dx } };
  const run = () => void norm.backward(dy, x, stats, options);
  return {
    run,
    result() {
      run();
      return [dx, ...sums].map(numbersOf);
    },
    free: () => free(x, dy, dx, ...sums, params.gain, params.bias),
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
  };
  const result = reductions[job.reduction];
  return { run: () => void result(), result, free: () => free(x) };
}

export async function open(variant: string | undefined) {
  const relaxedSimd = variant === "relaxed";
  const kernels = await load({ relaxedSimd });
  if (relaxedSimd && kernels.simd !== "relaxed-simd") throw new Error("this engine has no relaxed SIMD");
  return {
    version: versionOf("../../package.json"),
    prepare(job: Job): Task {
      if (job.kind === "forward") return forward(kernels, job);
      if (job.kind === "backward") return backward(kernels, job);
      if (job.kind === "reduce") return reduce(kernels, job);
      // Used as the reference for a copy; it copies nothing itself.
      return { run() {}, result: () => [inputs.x(job)], free() {} };
    },
  };
}
