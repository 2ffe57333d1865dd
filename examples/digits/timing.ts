/** Times the kernels against plain loops: the same rows, in turns, so that other work of the machine affects both alike. */
import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { Kernels, Matrix, Norm } from "adanorm";
import type { NormChoice } from "./contenders.ts";
import type { HiddenLayer, LayerPass } from "./network.ts";
import type { PlainAnswer, PlainRequest } from "./plain-process.ts";
import { median } from "./statistics.ts";

/** Median milliseconds over all the rows. */
export interface Times {
  forward: number;
  backward: number;
  plainForward: number;
  plainBackward: number;
}

/** Unmeasured rounds first: they let the engine compile both sides to its best code. */
const WARMUPS = 5;
const ROUNDS = 21;

/** The process that runs the plain loops; plain-process.ts says why they need one. */
export class PlainLoops {
  readonly #process: ChildProcess;

  constructor() {
    const file = fileURLToPath(new URL("plain-process.ts", import.meta.url));
    this.#process = fork(file, { serialization: "advanced" });
  }

  ask(request: PlainRequest): Promise<PlainAnswer> {
    return new Promise((resolve, reject) => {
      const ended = () => reject(new Error("the process that runs the plain loops has ended"));
      this.#process.once("exit", ended);
      this.#process.once("message", (answer: PlainAnswer) => {
        this.#process.off("exit", ended);
        resolve(answer);
      });
      this.#process.send(request);
    });
  }

  close(): void {
    if (this.#process.connected) this.#process.disconnect();
  }
}

function milliseconds(work: () => void): number {
  const start = performance.now();
  work();
  return performance.now() - start;
}

/** One forward and one backward on matrices that stay in linear memory: nothing is copied in or out. */
function resident(norm: Norm, { affine }: HiddenLayer, x: Matrix, y: Matrix, dy: Matrix, dx: Matrix) {
  const parameters = affine ?? {};
  const sums = affine ? { dGain: new Float32Array(norm.size), dBias: new Float32Array(norm.size) } : {};
  let stats = norm.forward(x, { ...parameters, out: y });
  return (): { forward: number; backward: number } => ({
    forward: milliseconds(() => {
      stats = norm.forward(x, { ...parameters, out: y });
    }),
    backward: milliseconds(() => norm.backward(dy, x, stats, { ...parameters, out: { dx, ...sums } })),
  });
}

/** Forward and backward of a norm over the rows of one layer, on the kernels and in plain JavaScript. */
export async function time(
  { name, affine }: NormChoice,
  kernels: Kernels,
  norm: Norm,
  layer: HiddenLayer,
  { x, dy }: LayerPass,
  plain: PlainLoops,
): Promise<Times> {
  const { size } = norm;
  const rows = x.length / size;
  const [y, dx] = [new Float32Array(x.length), new Float32Array(x.length)];
  const [mean, rstd] = [new Float64Array(rows), new Float64Array(rows)];
  const gain = layer.affine?.gain ?? new Float32Array(size);
  const bias = layer.affine?.bias ?? new Float32Array(size);
  const sums = { dGain: new Float32Array(size), dBias: new Float32Array(size) };
  await plain.ask({ choice: { name, affine }, batch: { size, x, y, dy, dx, mean, rstd, gain, bias, ...sums } });

  const matrices = [
    kernels.matrix(x, size),
    kernels.matrix(rows, size),
    kernels.matrix(dy, size),
    kernels.matrix(rows, size),
  ] as const;
  const round = resident(norm, layer, ...matrices);
  const samples: Record<keyof Times, number[]> = { forward: [], backward: [], plainForward: [], plainBackward: [] };
  for (let i = -WARMUPS; i < ROUNDS; i++) {
    const ours = round();
    const theirs = await plain.ask("round");
    if (i < 0) continue;
    samples.forward.push(ours.forward);
    samples.backward.push(ours.backward);
    samples.plainForward.push(theirs.forward);
    samples.plainBackward.push(theirs.backward);
  }
  for (const matrix of matrices) matrix.free();
  return {
    forward: median(samples.forward),
    backward: median(samples.backward),
    plainForward: median(samples.plainForward),
    plainBackward: median(samples.plainBackward),
  };
}
