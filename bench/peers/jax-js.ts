/**
 * jax-js on its WebAssembly backend, in Node on one thread. It has no kernel for these norms: its jit makes kernels of the operators
 * that they are composed of. Gradients are those of its vjp.
 */
import { EPS, inputs, type Job, K, type NormName, SCALE, type Task } from "../job.ts";
import { installedVersion } from "./version.ts";

/** An operation takes its operands: `ref` is one more reference to a tensor that is used again. */
interface Tensor {
  ref: Tensor;
  add(other: Tensor | number): Tensor;
  sub(other: Tensor): Tensor;
  mul(other: Tensor | number): Tensor;
  reshape(shape: number[]): Tensor;
  dataSync(): Float32Array;
  dispose(): void;
}

type Norm = (x: Tensor, ...params: Tensor[]) => Tensor;

/** What is used of the package. */
interface Jax {
  init(backend: "wasm"): Promise<unknown>;
  defaultDevice(device: "wasm"): unknown;
  jit<F extends (...args: Tensor[]) => Tensor | Tensor[]>(f: F): F & { dispose(): void };
  vjp(f: Norm, primals: Tensor[]): [Tensor, (dy: Tensor) => Tensor[]];
  /** Takes no reference: the caller still has to dispose of each tensor. */
  blockUntilReady(tensor: unknown): Promise<unknown>;
  lax: { stopGradient(x: Tensor): Tensor };
  numpy: {
    array(values: Float32Array): Tensor;
    mean(x: Tensor, axis: number, options: { keepdims: true }): Tensor;
    square(x: Tensor): Tensor;
    sqrt(x: Tensor): Tensor;
    reciprocal(x: Tensor): Tensor;
  };
}

const name: string = "@jax-js/jax";

/** The norms, composed. */
function compose({ numpy: np, lax }: Jax): Partial<Record<NormName, Norm>> {
  const mean = (x: Tensor) => np.mean(x, -1, { keepdims: true });
  const byRms = (x: Tensor) => x.ref.mul(np.reciprocal(np.sqrt(mean(np.square(x)).add(EPS))));
  const standardize = (x: Tensor) => byRms(x.ref.sub(mean(x)));
  return {
    layerNorm: (x, gain, bias) =>
      standardize(x)
        .mul(gain as Tensor)
        .add(bias as Tensor),
    layerNormSimple: standardize,
    adaNorm: (x) => {
      const z = standardize(x);
      // phi(z) is held constant in the gradient, as the paper has it.
      return lax.stopGradient(z.ref.mul(-SCALE * K).add(SCALE)).mul(z);
    },
    rmsNorm: (x, gain) => byRms(x).mul(gain as Tensor),
  };
}

async function prepare(jax: Jax, job: Job): Promise<Task> {
  if (job.kind !== "forward" && job.kind !== "backward") throw new Error(`jax-js has no ${job.kind}`);
  const norm = compose(jax)[job.norm];
  if (!norm) throw new Error(`not composed: ${job.norm}`);
  const { array } = jax.numpy;
  const shape = [job.rows, job.size];
  const tensor = (values: Float32Array) => array(values).reshape(shape);
  const hasGain = job.norm === "layerNorm" || job.norm === "rmsNorm";
  const params = hasGain ? [array(inputs.gain(job))] : [];
  if (job.norm === "layerNorm") params.push(array(inputs.bias(job)));
  const given = [tensor(inputs.x(job)), ...params];
  if (job.kind === "backward") given.push(tensor(inputs.dy(job)));
  await jax.blockUntilReady(given);
  const results = job.kind === "backward" && job.params ? given.length - 1 : 1;
  const call =
    job.kind === "forward"
      ? jax.jit((...all: Tensor[]) => [norm(...(all as [Tensor]))])
      : jax.jit((...all: Tensor[]) => {
          const [y, gradients] = jax.vjp(norm, all.slice(0, -1));
          y.dispose();
          return gradients(all.at(-1) as Tensor).slice(0, results);
        });
  const compute = () => call(...given.map(({ ref }) => ref)) as Tensor[];
  const fromArray = () => call(tensor(inputs.x(job)), ...params.map(({ ref }) => ref)) as Tensor[];
  const isCall = job.kind === "forward" && job.on === "new arrays";
  return {
    async run() {
      const made = isCall ? fromArray() : compute();
      if (isCall) for (const one of made) one.dataSync();
      else {
        await jax.blockUntilReady(made);
        for (const one of made) one.dispose();
      }
    },
    result: () => compute().map((one) => one.dataSync()),
    free() {
      for (const one of given) one.dispose();
      call.dispose();
    },
  };
}

export async function open() {
  const jax: Jax = await import(name);
  await jax.init("wasm");
  jax.defaultDevice("wasm");
  return { version: installedVersion(name), prepare: (job: Job) => prepare(jax, job) };
}
