/** Runs the kernels in the memory of TensorFlow.js, on tensors in place: only the statistics of rows are copied. */
import type { Tensor } from "@tensorflow/tfjs-core";
import type { Abi } from "../abi.js";
import {
  constantsOf,
  type Views,
  writeBackwardRows,
  writeBackwardStrides,
  writeConstants,
  writeForwardRows,
  writeForwardStrides,
  writeStatistics,
} from "../call.js";
import { CALL } from "../layout.js";
import { aligned } from "../memory.js";
import { NO_SUMS, type Sums, sumsAt, sumsFor } from "../tiled-backward.js";
import { addressOf, makeTensor, type WasmBackend, withScratch } from "./backend.js";
import type { Batch, Gradients, Pass, Route, Stats } from "./batch.js";

/** The addresses of the block of a call, its statistics and its column sums, while the call runs. */
interface CallPlace {
  views: Views;
  call: number;
  means: number;
  rstds: number;
  columns: number;
}

export class ResidentRoute implements Route {
  readonly #backend: WasmBackend;
  readonly #memory: WebAssembly.Memory;
  readonly #abi: Abi;

  /**
   * @param memory the memory of the backend. Never call the allocator that the module exports: in this memory it would hand
   * out what TensorFlow.js has allocated.
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
    const stats = this.#withCall(batch, 0, ({ views, call, means, rstds }) => {
      const stride = size * 4;
      const params = { gain: gainAt, bias: biasAt, rowsPerGain: 0 };
      writeForwardStrides(views, call, { ...params, x: stride, residual: 0, sum: 0, y: stride });
      writeForwardRows(views, call, xAt, 0, 0, yAt);
      this.#abi.forward(call, 0, rows);
      return taped
        ? { mean: numbers(views, means, rows).slice(), rstd: numbers(views, rstds, rows).slice() }
        : undefined;
    });
    return {
      y,
      saved: [],
      backward: (dy, again) => this.backward(dy, again, stats as Stats),
    };
  }

  backward(dy: Tensor, batch: Batch, stats: Stats): Gradients {
    const { x, gain, bias, rows, size, settings, channels } = batch;
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
    const sums = gain || bias ? sumsFor(size, rows, channels) : NO_SUMS;
    const sumsBytes = sums.columns + sums.totals;
    this.#withCall(batch, sumsBytes, (place) => {
      const { views, call, means, rstds, columns } = place;
      const stride = size * 4;
      numbers(views, means, rows).set(stats.mean);
      numbers(views, rstds, rows).set(stats.rstd);
      numbers(views, columns, sumsBytes / 8).fill(0);
      writeBackwardStrides(views, call, {
        gain: gainAt,
        rowsPerGain: 0,
        accumulate: false,
        ...sumsAt(sums, columns),
        dy: stride,
        x: stride,
        dx: stride,
      });
      if (channels) this.#runChannels(batch, place, sums, [dyAt, xAt, dxAt]);
      else {
        writeBackwardRows(views, call, dyAt, xAt, dxAt, 0);
        this.#abi.backward(call, 0, rows);
      }
      if (dGain) this.#abi.columnSums(call, 0, dGainAt, 0);
      if (dBias) this.#abi.columnSums(call, 1, dBiasAt, 0);
    });
    return { dx, dGain, dBias };
  }

  /** Backward of rows that are groups of channels: as many at a time as their channels' sums have room for. */
  #runChannels(
    { rows, size }: Batch,
    { views, call, means, rstds }: CallPlace,
    sums: Sums,
    [dyAt, xAt, dxAt]: [number, number, number],
  ): void {
    for (let row = 0; row < rows; row += sums.rows) {
      const count = Math.min(sums.rows, rows - row);
      const past = row * size * 4;
      writeStatistics(views, call, means + row * 8, rstds + row * 8);
      writeBackwardRows(views, call, dyAt + past, xAt + past, dxAt + past, row);
      this.#abi.backward(call, 0, count);
      if (sums.totals > 0) this.#abi.channelSums(call, 0, count);
    }
  }

  /**
   * Runs `body` with memory for one call: a block that already has the options, the statistics of its rows, and its sums.
   */
  #withCall<T>({ settings, rows, size, channels }: Batch, sumsBytes: number, body: (place: CallPlace) => T): T {
    const bytes = aligned(CALL.bytes) + 2 * rows * 8 + sumsBytes;
    return withScratch(this.#backend, settings.name, bytes, (call) => {
      // Growth of the memory would detach these views, so `body` must not allocate.
      const { buffer } = this.#memory;
      const views = { u32: new Uint32Array(buffer), f64: new Float64Array(buffer) };
      const means = call + aligned(CALL.bytes);
      const rstds = means + rows * 8;
      writeConstants(views, call, constantsOf(settings, size, channels));
      writeStatistics(views, call, means, rstds);
      return body({ views, call, means, rstds, columns: rstds + rows * 8 });
    });
  }

  /** The address of a tensor; 0 if it is undefined. */
  #addressOf(tensor: Tensor | undefined): number {
    return tensor ? addressOf(this.#backend, tensor) : 0;
  }
}

function numbers({ f64 }: Views, address: number, length: number): Float64Array {
  return f64.subarray(address / 8, address / 8 + length);
}
