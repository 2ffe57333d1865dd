/** Where arguments lie: in buffers of their own, in larger ones, side by side in the same rows, in linear memory. */
import type { DType, HostArray, Kernels, Matrix } from "adanorm";
import type { Elements } from "../accuracy/storage.ts";
import { Backing } from "./backing.ts";
import type { Place } from "./cases.ts";

export const PLAIN: Place = { lead: 0, gap: 0, view: false, half: false };

const Half = (globalThis as { Float16Array?: new (buffer: ArrayBufferLike, at: number, length: number) => HostArray })
  .Float16Array;

/** An argument, `rows x size`. */
export class Placed {
  readonly backing: Backing;
  readonly stride: number;
  readonly #size: number;
  readonly #rows: number;
  readonly #lead: number;
  readonly #length: number;
  readonly #isHalf: boolean;
  #array: HostArray | undefined;

  /**
   * @param elements its contents.
   * @param backing the array or matrix that it lies in, from `place.lead` on.
   * @param ends whether an array ends with its last row, or with what follows that row.
   */
  constructor(
    backing: Backing,
    elements: Elements,
    size: number,
    dtype: DType,
    place: Place,
    ends = endsWithRow(place),
  ) {
    const { lead, gap, half } = place;
    this.backing = backing;
    this.stride = size + gap;
    this.#size = size;
    this.#rows = elements.length / size;
    this.#lead = lead;
    this.#length = lengthOf(this.#rows, size, gap, ends);
    this.#isHalf = half && dtype === "f16";
    for (let row = 0; row < this.#rows; row++) {
      backing.put(elements.subarray(row * size, (row + 1) * size), lead + row * this.stride);
    }
  }

  /** In its own backing: a matrix, or an array with elements before and after it. */
  static alone(
    kernels: Kernels,
    name: string,
    elements: Elements,
    size: number,
    dtype: DType,
    place: Place,
    isMatrix: boolean,
  ): Placed {
    const rows = elements.length / size;
    const { lead, gap, view } = place;
    if (isMatrix) {
      const backing = new Backing(kernels, name, size + gap, dtype, { rows });
      return new Placed(backing, elements, size, dtype, { ...place, lead: 0 }).#asMatrix();
    }
    const backing = new Backing(
      kernels,
      name,
      lengthOf(rows, size, gap, endsWithRow(place)) + 2 * lead,
      dtype,
      view ? "view" : "array",
    );
    return new Placed(backing, elements, size, dtype, place);
  }

  #isMatrix = false;

  #asMatrix(): Placed {
    this.#isMatrix = true;
    return this;
  }

  /** The argument of a call: a view of linear memory is made again. */
  get value(): HostArray | Matrix {
    if (this.#isMatrix) return this.backing.matrix as Matrix;
    if (this.#array?.length !== this.#length) this.#array = this.#view();
    return this.#array as HostArray;
  }

  /** Whether a result is the given array or matrix, or a new view of the same elements if growth has detached the given one. */
  isGiven(result: HostArray | Matrix): boolean {
    if (this.#isMatrix) return result === this.backing.matrix;
    const given = this.#array as HostArray;
    if (given.length === this.#length || !ArrayBuffer.isView(result)) return given === result;
    const { buffer, byteOffset, length } = this.#view();
    return result.buffer === buffer && result.byteOffset === byteOffset && result.length === length;
  }

  #view(): HostArray {
    const within = this.backing.all.subarray(this.#lead, this.#lead + this.#length);
    if (this.#isHalf && Half) return new Half(within.buffer, within.byteOffset, within.length);
    return within;
  }

  /** The rows as contiguous elements, now that they are results. */
  take(): Elements {
    const size = this.#size;
    const { all } = this.backing;
    const length = this.#rows * size;
    const elements = all instanceof Float32Array ? new Float32Array(length) : new Uint16Array(length);
    for (let row = 0; row < this.#rows; row++) {
      const start = this.#lead + row * this.stride;
      elements.set(this.backing.take(start, start + size), row * size);
    }
    return elements;
  }
}

function endsWithRow({ gap }: Place): boolean {
  return gap % 2 === 1;
}

/** Elements from the first to the last. */
function lengthOf(rows: number, size: number, gap: number, ends: boolean): number {
  if (rows === 0) return 0;
  return ends ? (rows - 1) * (size + gap) + size : rows * (size + gap);
}

/** The rowStride option for arguments by name; one number if that is enough. */
export function strides(size: number, placed: Readonly<Record<string, Placed | undefined>>) {
  const there = Object.entries(placed).filter((entry): entry is [string, Placed] => entry[1] !== undefined);
  const first = there[0]?.[1].stride ?? size;
  if (there.every(([, { stride }]) => stride === first)) return first === size ? {} : { rowStride: first };
  return { rowStride: Object.fromEntries(there.map(([name, { stride }]) => [name, stride])) };
}
