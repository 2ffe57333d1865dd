/** The kernels in TensorFlow.js's own memory, on the tensors where they lie: nothing is copied but a row's statistics. */
import type { Tensor } from "@tensorflow/tfjs-core";
import { type Abi, columnsBytes } from "../abi.js";
import { bindNorm, type NormKernels } from "../norms.js";
import { addressOf, makeTensor, type WasmBackend, withScratch } from "./backend.js";
import type { Batch, Gradients, Pass, Route, Stats } from "./batch.js";

/** Bytes of one number a row. */
const columnBytes = ({ rows }: Batch): number => rows * 8;

export class ResidentRoute implements Route {
  readonly #backend: WasmBackend;
  readonly #memory: WebAssembly.Memory;
  readonly #abi: Abi;

  /**
   * @param memory that of the backend. The allocator that the kernels' module exports must never be called on it: it
   * would take for its own what TensorFlow.js has allocated.
   */
  constructor(backend: WasmBackend, memory: WebAssembly.Memory, module: WebAssembly.Module) {
    this.#backend = backend;
    this.#memory = memory;
    this.#abi = new WebAssembly.Instance(module, { env: { memory } }).exports as unknown as Abi;
  }

  forward(batch: Batch, taped: boolean): Pass {
    const { x, gain, bias, rows, size, settings } = batch;
    const xAt = this.#addressOf(x);
    const gainAt = this.#addressOf(gain);
    const biasAt = this.#addressOf(bias);
    const y = makeTensor(this.#backend, settings.name, x.shape);
    const yAt = this.#addressOf(y);
    const kernels = this.#bind(batch);
    const stats = withScratch(this.#backend, settings.name, 2 * columnBytes(batch), (means) => {
      const rstds = means + columnBytes(batch);
      kernels.forward(xAt, size * 4, 0, 0, 0, 0, gainAt, biasAt, yAt, size * 4, means, rstds, rows);
      return taped ? { mean: this.#numbers(means, rows).slice(), rstd: this.#numbers(rstds, rows).slice() } : undefined;
    });
    return {
      y,
      saved: [],
      backward: (dy, again) => this.backward(dy, again, stats as Stats),
    };
  }

  backward(dy: Tensor, batch: Batch, stats: Stats): Gradients {
    const { x, gain, bias, rows, size, settings } = batch;
    const dyAt = this.#addressOf(dy);
    const xAt = this.#addressOf(x);
    const gainAt = this.#addressOf(gain);
    const make = (like: Tensor) => makeTensor(this.#backend, settings.name, like.shape);
    const dx = make(x);
    const dGain = gain && make(gain);
    const dBias = bias && make(bias);
    const dxAt = this.#addressOf(dx);
    const dGainAt = this.#addressOf(dGain);
    const dBiasAt = this.#addressOf(dBias);
    const kernels = this.#bind(batch);
    const sumsBytes = gain || bias ? columnsBytes(size) : 0;
    withScratch(this.#backend, settings.name, 2 * columnBytes(batch) + sumsBytes, (means) => {
      const rstds = means + columnBytes(batch);
      const columns = sumsBytes ? rstds + columnBytes(batch) : 0;
      this.#numbers(means, rows).set(stats.mean);
      this.#numbers(rstds, rows).set(stats.rstd);
      if (columns) this.#numbers(columns, sumsBytes / 8).fill(0);
      kernels.backward(dyAt, size * 4, xAt, size * 4, gainAt, means, rstds, dxAt, size * 4, columns, 0, rows);
      if (dGain) this.#abi.columnSums(columns, 0, dGainAt, size, 0);
      if (dBias) this.#abi.columnSums(columns, 1, dBiasAt, size, 0);
    });
    return { dx, dGain, dBias };
  }

  #bind({ settings, size }: Batch): NormKernels {
    return bindNorm(this.#abi, settings, size);
  }

  /** 0 stands for a tensor that is not there. */
  #addressOf(tensor: Tensor | undefined): number {
    return tensor ? addressOf(this.#backend, tensor) : 0;
  }

  /** A view that is good until the memory grows: nothing may be allocated while it is used. */
  #numbers(address: number, length: number): Float64Array<ArrayBuffer> {
    return new Float64Array(this.#memory.buffer, address, length);
  }
}
