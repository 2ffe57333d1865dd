/** The kernels beside loops, in this browser: time and error of one call. */
import type { Kernels, Matrix, Norm } from "adanorm";
import * as reference from "adanorm/reference";
import {
  type BackwardJob,
  EPS,
  type ForwardJob,
  inputs,
  type Job,
  K,
  type NormName,
  SCALE,
  type Task,
} from "../../../bench/job.ts";
import { prepare as prepareLoops } from "../../../bench/peers/plain.ts";
import { prepare as prepareTunedLoops } from "../../../bench/peers/tuned.ts";
import { race } from "../../../examples/browser/race.js";
import { largestError } from "../look/look.ts";

export interface MeasureSettings {
  norm: Extract<NormName, "layerNorm" | "layerNormSimple" | "adaNorm" | "rmsNorm">;
  direction: "forward" | "backward";
  rows: number;
  size: number;
  threads: number;
}

export interface Measured {
  name: string;
  /** Of one call, the fastest of several runs. Undefined where there is nothing to measure; then `why` says why. */
  milliseconds?: number;
  error?: number;
  why?: string;
}

export interface MeasureResult {
  settings: MeasureSettings;
  /** As many as the host gave. */
  threads: number;
  simd: Kernels["simd"];
  measured: Measured[];
}

/** The elements whose error is looked at: exact results take long. */
const MOST_CHECKED = 2 ** 20;

/** The calls of the package on batches that lie where `place` says. */
function prepareKernels(
  kernels: Kernels,
  job: ForwardJob | BackwardJob,
  place: "matrices" | "prepared" | "arrays",
): Task {
  const { norm: name, rows, size } = job;
  const norm: Norm<"f32", boolean> = kernels[name]({
    size,
    eps: EPS,
    ...(name === "adaNorm" && { scale: SCALE, k: K }),
  });
  const matrices: Matrix<"f32">[] = [];
  const batch = (source: Float32Array): Float32Array | Matrix<"f32"> => {
    if (place === "arrays") return source;
    const matrix = kernels.matrix(source, size);
    matrices.push(matrix);
    return matrix;
  };
  const affine = name === "layerNorm" ? { gain: batch(inputs.gain(job)), bias: batch(inputs.bias(job)) } : {};
  const params = name === "rmsNorm" ? { gain: batch(inputs.gain(job)) } : affine;
  const x = batch(inputs.x(job));
  const out = batch(new Float32Array(rows * size));
  const values = () => (out instanceof Float32Array ? out : out.toArray());
  let run: () => void;
  let free = () => {};
  if (job.kind === "forward") {
    const options = { ...params, out };
    run = () => void norm.forward(x, options);
    if (place === "prepared") {
      const call = norm.prepareForward(x as Matrix<"f32">, options as Parameters<Norm["prepareForward"]>[1]);
      run = () => void call.run();
      free = () => call.free();
    }
  } else {
    const dy = batch(inputs.dy(job));
    const sums = job.params ? { dGain: batch(new Float32Array(size)), dBias: batch(new Float32Array(size)) } : {};
    const options = { ...params, out: { dx: out, ...sums } };
    const stats = norm.forward(x, { ...params, out });
    run = () => void norm.backward(dy, x, stats, options);
    if (place === "prepared") {
      const prepareOptions = options as Parameters<Norm["prepareBackward"]>[3];
      const call = norm.prepareBackward(dy as Matrix<"f32">, x as Matrix<"f32">, stats, prepareOptions);
      run = () => void call.run();
      free = () => call.free();
    }
  }
  return {
    run,
    result() {
      run();
      return [values().slice()];
    },
    free() {
      free();
      for (const matrix of matrices) matrix.free();
    },
  };
}

/** The first rows of the exact result. */
function exactOf(job: ForwardJob | BackwardJob): Float64Array {
  const { norm, size } = job;
  const rows = Math.max(1, Math.min(job.rows, Math.floor(MOST_CHECKED / size)));
  const first = (values: Float32Array) => values.subarray(0, rows * size);
  const gain = norm === "layerNorm" || norm === "rmsNorm" ? { gain: inputs.gain(job) } : {};
  const params = norm === "layerNorm" ? { ...gain, bias: inputs.bias(job) } : gain;
  const options = { size, eps: EPS, ...(norm === "adaNorm" && { scale: SCALE, k: K }), ...params };
  return job.kind === "forward"
    ? reference.forward(norm, first(inputs.x(job)), options).y
    : reference.backward(norm, first(inputs.dy(job)), first(inputs.x(job)), options).dx;
}

type Contender = [name: string, prepare: (job: Job) => Task];

function contendersFor(kernels: Kernels, job: ForwardJob | BackwardJob): Contender[] {
  return [
    ["adanorm, matrices", () => prepareKernels(kernels, job, "matrices")],
    ["adanorm, prepared", () => prepareKernels(kernels, job, "prepared")],
    ["adanorm, arrays", () => prepareKernels(kernels, job, "arrays")],
    ["tuned loops", prepareTunedLoops],
    ["plain loops", prepareLoops],
  ];
}

/** Measures, and gives what is known so far, again and again. */
export async function* measure(kernels: Kernels, settings: MeasureSettings): AsyncGenerator<MeasureResult> {
  const { norm, direction, rows, size } = settings;
  const job: ForwardJob | BackwardJob =
    direction === "forward"
      ? { kind: "forward", norm, rows, size }
      : { kind: "backward", norm, rows, size, params: norm === "layerNorm" };
  const result: MeasureResult = { settings, threads: kernels.threads, simd: kernels.simd, measured: [] };
  const exact = exactOf(job);
  const tasks: [Measured, Task][] = [];
  try {
    for (const [name, prepare] of contendersFor(kernels, job)) {
      const measured: Measured = { name };
      result.measured.push(measured);
      try {
        const task = prepare(job);
        tasks.push([measured, task]);
        const [values] = await task.result();
        measured.error = largestError((values as Float32Array).subarray(0, exact.length), exact);
      } catch (error) {
        measured.why = (error as Error).message;
      }
      yield structuredClone(result);
    }
    const times: AsyncIterable<number[]> = race(
      tasks.map(
        ([, task]) =>
          () =>
            void task.run(),
      ),
    );
    for await (const fastest of times) {
      tasks.forEach(([measured], i) => {
        measured.milliseconds = fastest[i] as number;
      });
      yield structuredClone(result);
    }
  } finally {
    for (const [, task] of tasks) task.free();
  }
}
