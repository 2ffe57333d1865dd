/**
 * TensorFlow.js on its WebAssembly backend (SIMD, one thread), which has no kernel for these norms. They are composed of
 * its operators, over tf.moments. Gradients come from its automatic differentiation, which runs forward too. The variant
 * "adanorm" is the same with the operators of adanorm/tfjs.
 */
import { copyFileSync, mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { EPS, inputs, type Job, K, type NormName, type Numbers, type Reduction, SCALE, type Task } from "../job.ts";
import { installedVersion } from "./version.ts";

interface Tensor {
  dataSync(): Float32Array;
  dispose(): void;
}

type Operand = Tensor | number;

/** What is used of the package. */
interface TensorFlow {
  setBackend(name: string): Promise<boolean>;
  ready(): Promise<void>;
  env(): { getAsync(flag: string): Promise<unknown> };
  tensor1d(values: Float32Array): Tensor;
  tensor2d(values: Float32Array, shape: [number, number]): Tensor;
  moments(x: Tensor, axis: number, keepDims: boolean): { mean: Tensor; variance: Tensor };
  mean(x: Tensor, axis: number, keepDims: boolean): Tensor;
  sum(x: Tensor, axis: number): Tensor;
  max(x: Tensor, axis: number): Tensor;
  norm(x: Tensor, order: "euclidean", axis: number): Tensor;
  add(a: Operand, b: Operand): Tensor;
  sub(a: Operand, b: Operand): Tensor;
  mul(a: Operand, b: Operand): Tensor;
  square(x: Tensor): Tensor;
  rsqrt(x: Tensor): Tensor;
  customGrad(
    f: (
      z: Tensor,
      save: (tensors: Tensor[]) => void,
    ) => {
      value: Tensor;
      gradFunc: (dy: Tensor, saved: Tensor[]) => Tensor;
    },
  ): (z: Tensor) => Tensor;
  grads(f: (...args: Tensor[]) => Tensor): (args: Tensor[], dy: Tensor) => Tensor[];
  tidy<T>(body: () => T): T;
}

/** The norms, of x and of the gain and bias that there are. */
type Norms = Record<NormName, (x: Tensor, gain?: Tensor, bias?: Tensor) => Tensor>;

const core: string = "@tensorflow/tfjs";
const backend: string = "@tensorflow/tfjs-backend-wasm";

/** The norms of adanorm/tfjs, from a copy in a place where it finds the TensorFlow.js of this folder. */
async function adanormNorms(): Promise<Norms> {
  const folder = new URL("../out/", import.meta.url);
  const file = new URL("adanorm-tfjs.js", folder);
  mkdirSync(folder, { recursive: true });
  copyFileSync(new URL("../../build/tfjs.js", import.meta.url), file);
  const ops: typeof import("../../src/tfjs.ts") = await import(file.href);
  await ops.ready();
  // To the compiler, tensors of the other folder's TensorFlow.js are others.
  const { layerNorm, layerNormSimple, detachNorm, adaNorm, rmsNorm } = ops as unknown as Record<
    NormName,
    (x: Tensor, options: object) => Tensor
  >;
  return {
    layerNorm: (x, gain, bias) => layerNorm(x, { gain, bias, eps: EPS }),
    layerNormSimple: (x) => layerNormSimple(x, { eps: EPS }),
    detachNorm: (x) => detachNorm(x, { eps: EPS }),
    adaNorm: (x) => adaNorm(x, { eps: EPS, scale: SCALE, k: K }),
    rmsNorm: (x, gain) => rmsNorm(x, { gain, eps: EPS }),
  };
}

/** The norms, composed. */
function compose(tf: TensorFlow): Norms {
  function standardize(x: Tensor): Tensor {
    const { mean, variance } = tf.moments(x, -1, true);
    return tf.mul(tf.sub(x, mean), tf.rsqrt(tf.add(variance, EPS)));
  }
  function affine(z: Tensor, gain?: Tensor, bias?: Tensor): Tensor {
    const scaled = gain ? tf.mul(z, gain) : z;
    return bias ? tf.add(scaled, bias) : scaled;
  }
  // phi(z) is held constant in the gradient, as the paper has it.
  const damp = tf.customGrad((z, save) => {
    const phi = tf.sub(SCALE, tf.mul(SCALE * K, z));
    save([phi]);
    return { value: tf.mul(phi, z), gradFunc: (dy, [saved]) => tf.mul(dy, saved as Tensor) };
  });
  return {
    layerNorm: (x, gain, bias) => affine(standardize(x), gain, bias),
    layerNormSimple: standardize,
    detachNorm: standardize,
    adaNorm: (x) => damp(standardize(x)),
    rmsNorm: (x, gain) => affine(tf.mul(x, tf.rsqrt(tf.add(tf.mean(tf.square(x), -1, true), EPS))), gain),
  };
}

/** The time includes `compute` and the release of the tensors that it makes. */
function taskOf(tf: TensorFlow, given: Tensor[], compute: () => Tensor[]): Task {
  return {
    run: () => tf.tidy(() => void compute()),
    // Only tensors go through tidy, because it looks for tensors at every index of every array in its result.
    result: () =>
      tf.tidy(compute).map((tensor) => {
        const numbers: Numbers = tensor.dataSync();
        tensor.dispose();
        return numbers;
      }),
    free: () => {
      for (const tensor of given) tensor.dispose();
    },
  };
}

function prepare(tf: TensorFlow, norms: Norms, job: Job): Task {
  if (job.kind === "copy") throw new Error("TensorFlow.js copies nothing: its tensors share what they hold");
  const shape: [number, number] = [job.rows, job.size];
  const x = tf.tensor2d(inputs.x(job), shape);
  if (job.kind === "reduce") {
    const { reduction } = job;
    if (reduction === "int8" || reduction === "bits") throw new Error(`TensorFlow.js has no ${reduction}`);
    const reductions: Record<Reduction, () => Tensor[]> = {
      sum: () => [tf.sum(x, -1)],
      moments: () => Object.values(tf.moments(x, -1, false)),
      l2: () => [tf.norm(x, "euclidean", -1)],
      max: () => [tf.max(x, -1)],
    };
    return taskOf(tf, [x], reductions[reduction]);
  }
  if (job.kind === "channels") throw new Error(`not composed: ${job.norm}`);
  if (job.norm === "detachNorm" && job.kind === "backward") throw new Error("not composed: detachNorm's gradient");
  const hasGain = job.norm === "layerNorm" || job.norm === "rmsNorm";
  const params = hasGain && (job.kind === "forward" || job.params) ? [tf.tensor1d(inputs.gain(job))] : [];
  if (params.length > 0 && job.norm === "layerNorm") params.push(tf.tensor1d(inputs.bias(job)));
  const norm = norms[job.norm];
  const all = [x, ...params];
  if (job.kind === "forward") {
    const resident = taskOf(tf, all, () => [norm(x, ...params)]);
    if (job.on !== "new arrays") return resident;
    const fromArray = () => void norm(tf.tensor2d(inputs.x(job), shape), ...params).dataSync();
    return { ...resident, run: () => tf.tidy(fromArray) };
  }
  const dy = tf.tensor2d(inputs.dy(job), shape);
  const gradients = tf.grads((first, ...others) => norm(first as Tensor, ...others));
  return taskOf(tf, [...all, dy], () => gradients(all, dy));
}

export async function open(variant: string | undefined) {
  const tf: TensorFlow = await import(core);
  const wasm: { setWasmPaths(folder: string): void; setThreadsCount(count: number): void } = await import(backend);
  wasm.setWasmPaths(fileURLToPath(new URL(`../node_modules/${backend}/dist/`, import.meta.url)));
  wasm.setThreadsCount(1);
  if (!(await tf.setBackend("wasm"))) throw new Error("the backend does not start");
  await tf.ready();
  if (!(await tf.env().getAsync("WASM_HAS_SIMD_SUPPORT"))) throw new Error("the backend runs without SIMD");
  const norms = variant === "adanorm" ? await adanormNorms() : compose(tf);
  return { version: installedVersion(backend), prepare: (job: Job) => prepare(tf, norms, job) };
}
