/** Gain and bias of passes that go tile by tile: those of a tile's samples are read to where kernels find them. */

import { fillWith } from "./arrays.js";
import type { LinearMemory } from "./memory.js";
import type { Operand } from "./operand.js";
import { type Layout, placed, type Tile, takeTile } from "./tiles.js";

/** The gain and the bias of a call, and the rows that share them: 0 if all do. */
export interface Params {
  readonly gain: Operand | undefined;
  readonly bias: Operand | undefined;
  readonly rowsPerGain: number;
}

/** The most samples that `step` rows can be of. */
export function mostSamples(step: number, rowsPerGain: number): number {
  return rowsPerGain === 0 ? 1 : Math.floor((step + rowsPerGain - 2) / rowsPerGain) + 1;
}

/** Whether no tile needs room for the parameters of its samples. One gain for all rows takes little room, wherever it lies. */
export function areResident(rowsPerGain: number, ...params: (Operand | undefined)[]): boolean {
  return rowsPerGain === 0 || params.every((param) => param === undefined || param.isInPlace);
}

/** The samples that `count` rows from `row` on belong to: from the first to before the last. */
export function samplesIn(row: number, count: number, rowsPerGain: number): [from: number, to: number] {
  return rowsPerGain === 0 ? [0, 1] : [Math.floor(row / rowsPerGain), Math.ceil((row + count) / rowsPerGain)];
}

export class ParamTiles {
  readonly #memory: LinearMemory;
  readonly #params: Params;
  readonly #gainTile: Tile;
  readonly #biasTile: Tile;
  #base = 0;
  #from = 0;
  #to = 0;
  /** The addresses of gain and bias of the tile's first sample, 0 if absent. */
  gain = 0;
  bias = 0;

  /** Takes room for the parameters of `step` rows. */
  constructor(memory: LinearMemory, params: Params, layout: Layout, step: number) {
    const { gain, bias, rowsPerGain } = params;
    const samples = mostSamples(step, rowsPerGain);
    this.#memory = memory;
    this.#params = params;
    this.#gainTile = takeTile(layout, samples, gain);
    this.#biasTile = takeTile(layout, samples, bias);
  }

  /** Forgets what was read before: parameters of a prepared call may have changed since. */
  begin(base: number): void {
    this.#base = base;
    this.#to = 0;
  }

  /** Reads the parameters of a tile's rows. Returns false, and does nothing, if the last tile had the same ones. */
  read(row: number, count: number): boolean {
    const { gain, bias, rowsPerGain } = this.#params;
    const [from, to] = samplesIn(row, count, rowsPerGain);
    if (this.#from === from && this.#to === to) return false;
    this.#from = from;
    this.#to = to;
    if (gain) this.gain = gain.read(from, to - from, placed(this.#gainTile, this.#base));
    if (bias) this.bias = bias.read(from, to - from, placed(this.#biasTile, this.#base));
    return true;
  }

  /** Whether all that was read last is finite: then so is its sum. `at` is the address of one f64 to use as scratch. */
  areFinite(at: number): boolean {
    return [this.gain, this.bias].every((address) => {
      if (address === 0) return true;
      const { size } = (this.#params.gain ?? this.#params.bias) as Operand;
      this.#memory.abi.rowSum(address, at, 1, size * (this.#to - this.#from));
      return Number.isFinite(this.#memory.f64[at / 8]);
    });
  }
}

/** The gradients of gain and bias of passes that go tile by tile: where kernels write those of a tile's samples. */
export class GradientTiles {
  readonly #gradients: readonly (Operand | undefined)[];
  readonly #tiles: readonly Tile[];
  readonly #accumulate: boolean;

  /** Takes room for the gradients of `samples` samples. */
  constructor(
    dGain: Operand | undefined,
    dBias: Operand | undefined,
    accumulate: boolean,
    layout: Layout,
    samples: number,
  ) {
    this.#gradients = [dGain, dBias];
    this.#tiles = this.#gradients.map((gradient) => takeTile(layout, samples, gradient));
    this.#accumulate = accumulate;
  }

  /** The addresses for dGain and dBias of the samples from `from` on, 0 if absent. Reads what they are to be added to. */
  target(from: number, to: number, base: number): [dGain: number, dBias: number] {
    return this.#gradients.map((gradient, i) => {
      if (gradient === undefined) return 0;
      const tile = placed(this.#tiles[i] as Tile, base);
      return this.#accumulate && to > from ? gradient.read(from, to - from, tile) : gradient.target(from, tile);
    }) as [number, number];
  }

  /** Copies what kernels wrote, if it is not in place. */
  write(from: number, to: number, base: number): void {
    if (from === to) return;
    this.#gradients.forEach((gradient, i) => {
      gradient?.write(from, to - from, placed(this.#tiles[i] as Tile, base));
    });
  }
}

/** Sets the gradients of the samples from `from` on to zeros. */
export function clearSamples(memory: LinearMemory, from: number, ...gradients: (Operand | undefined)[]): void {
  for (const gradient of gradients) {
    if (gradient === undefined || gradient.rows === from) continue;
    const { rows, size, pointer } = gradient;
    // No row of an array's samples is left out, unless there is none.
    if (pointer === undefined) fillWith(gradient.elements, 0);
    else memory.clear(pointer + from * size * 4, (rows - from) * size * 4);
  }
}
