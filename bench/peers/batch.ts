/** What plain loops work on, those of plain.ts and of tuned.ts alike. */
import { inputs, type Job, type Numbers, type Task } from "../job.ts";

export interface Batch {
  size: number;
  /** `rows x size` each; dy is empty unless it is for backward. */
  x: Float32Array;
  dy: Float32Array;
  out: Float32Array;
  /** One number a row each. */
  mean: Float64Array;
  rstd: Float64Array;
  /** `size` numbers each. */
  gain: Float32Array;
  bias: Float32Array;
  dGain: Float32Array;
  dBias: Float32Array;
}

export function batchOf(job: Job): Batch {
  const { rows, size } = job;
  return {
    size,
    x: inputs.x(job),
    dy: job.kind === "backward" ? inputs.dy(job) : new Float32Array(0),
    out: new Float32Array(rows * size),
    mean: new Float64Array(rows),
    rstd: new Float64Array(rows),
    gain: inputs.gain(job),
    bias: inputs.bias(job),
    dGain: new Float32Array(size),
    dBias: new Float32Array(size),
  };
}

export function taskOf(run: () => void, ...results: Numbers[]): Task {
  return {
    run,
    result() {
      run();
      return results.map((numbers) => numbers.slice());
    },
    // The collector takes it.
    free() {},
  };
}
