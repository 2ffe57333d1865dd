/**
 * Runs the kernels in a memory of their own, for a backend whose memory they cannot import. Rows are copied between
 * the two memories, tile by tile.
 */
import type { Tensor } from "@tensorflow/tfjs-core";
import { createKernelsSync, readLoadOptions } from "../kernels.js";
import type { Kernels, Norm, NormName } from "../types.js";
import { addressOf, makeTensor, type WasmBackend } from "./backend.js";
import type { Batch, Gradients, Pass, Route, Stats } from "./batch.js";

export class CopyingRoute implements Route {
  readonly #backend: WasmBackend;
  readonly #kernels: Kernels;

  constructor(backend: WasmBackend, module: WebAssembly.Module) {
    this.#backend = backend;
    this.#kernels = createKernelsSync(module, readLoadOptions("adanorm/tfjs", {}));
  }

  forward(batch: Batch): Pass {
    const { x, gain, bias, settings } = batch;
    const y = makeTensor(this.#backend, settings.name, x.shape);
    const [xs, ys, gains, biases] = this.#views(x, y, gain, bias);
    const stats = this.#norm(batch).forward(xs as Float32Array, { gain: gains, bias: biases, out: ys });
    return {
      y,
      saved: [],
      backward: (dy, again) => this.backward(dy, again, stats),
    };
  }

  backward(dy: Tensor, batch: Batch, stats: Stats): Gradients {
    const { x, gain, bias, settings } = batch;
    const make = (like: Tensor) => makeTensor(this.#backend, settings.name, like.shape);
    const dx = make(x);
    const dGain = gain && make(gain);
    const dBias = bias && make(bias);
    const [dys, xs, gains, dxs, dGains, dBiases] = this.#views(dy, x, gain, dx, dGain, dBias);
    this.#norm(batch).backward(dys as Float32Array, xs as Float32Array, stats, {
      gain: gains,
      out: { dx: dxs as Float32Array, ...(dGains && { dGain: dGains }), ...(dBiases && { dBias: dBiases }) },
    });
    return { dx, dGain, dBias };
  }

  #norm({ settings, size, channels: shape }: Batch): Norm {
    const { name, ...options } = settings;
    if (!shape) return this.#kernels[name as NormName]({ ...options, size });
    const { channels, groups, spatial } = shape;
    return this.#kernels.groupNorm({ ...options, channels, groups, spatial });
  }

  /** Views of the tensors in the memory of the backend. They are valid until that memory grows. */
  #views(...tensors: (Tensor | undefined)[]): (Float32Array | undefined)[] {
    // All addresses come before the first view: moving data here from another backend may grow the memory.
    const addresses = tensors.map((tensor) => (tensor ? addressOf(this.#backend, tensor) : 0));
    const { buffer } = (this.#backend.wasm as { HEAPU8: Uint8Array }).HEAPU8;
    return tensors.map((tensor, i) => tensor && new Float32Array(buffer, addresses[i], tensor.size));
  }
}
