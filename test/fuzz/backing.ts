/** The array or matrix that arguments lie in. Everything in it that is not a result must stay the same. */
import type { DType, Kernels, Matrix } from "adanorm";
import type { Elements } from "../accuracy/storage.ts";
import { fail, sameBytes } from "./failure.ts";

/** The value around arguments: a NaN, in case a kernel reads it, with bits that no kernel writes. */
const AROUND = { f32: 0x7fc0beef, f16: 0x7e5a, bf16: 0x7fda };

/** The elements as bits, so that different NaN are different. */
function bitsOf(elements: Elements): Uint32Array | Uint16Array {
  if (elements instanceof Uint16Array) return elements;
  return new Uint32Array(elements.buffer, elements.byteOffset, elements.length);
}

export class Backing {
  readonly matrix: Matrix | undefined;
  readonly #name: string;
  readonly #array: Elements | undefined;
  /** The expected contents. */
  readonly #before: Elements;

  /** @param where a matrix of so many rows, or an array in linear memory or in its own buffer. */
  constructor(
    kernels: Kernels,
    name: string,
    length: number,
    dtype: DType,
    where: { rows: number } | "view" | "array",
  ) {
    this.#name = name;
    if (where === "array") this.#array = dtype === "f32" ? new Float32Array(length) : new Uint16Array(length);
    else if (where === "view") this.matrix = kernels.matrix(1, length + 1, dtype);
    else this.matrix = kernels.matrix(where.rows, length, dtype);
    const { all } = this;
    bitsOf(all).fill(AROUND[dtype]);
    this.#before = all.slice();
  }

  /** A new view of all of it, because growth may have detached the old one. */
  get all(): Elements {
    return this.#array ?? (this.matrix as Matrix).data;
  }

  /** Writes elements that must not change. */
  put(elements: Elements, at: number): void {
    this.all.set(elements, at);
    this.#before.set(elements, at);
  }

  /** Takes the elements of results, which must not change from now on. */
  take(from: number, to: number): Elements {
    const elements = this.all.slice(from, to);
    this.#before.set(elements, from);
    return elements;
  }

  /** Fails if anything changed that was not taken. */
  check(): void {
    if (!sameBytes(this.all, this.#before)) fail(`${this.#name}: what was not to be written to was`);
  }

  free(): void {
    this.matrix?.free();
  }
}
