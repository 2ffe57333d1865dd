/** What arguments lie in: an array or a matrix, of which all that is not a result is to stay as it is. */
import type { DType, Kernels, Matrix } from "adanorm";
import type { Elements } from "../accuracy/storage.ts";
import { fail, sameBytes } from "./failure.ts";

/** What lies around arguments: NaN, should a kernel read it, with bits that no kernel writes. */
const AROUND = { f32: 0x7fc0beef, f16: 0x7e5a, bf16: 0x7fda };

/** The elements as bits, so that no NaN is like another. */
function bitsOf(elements: Elements): Uint32Array | Uint16Array {
  if (elements instanceof Uint16Array) return elements;
  return new Uint32Array(elements.buffer, elements.byteOffset, elements.length);
}

export class Backing {
  readonly matrix: Matrix | undefined;
  readonly #name: string;
  readonly #array: Elements | undefined;
  /** As it is to be. */
  readonly #before: Elements;

  /** @param where a matrix of so many rows, or an array: in linear memory, or of its own. */
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

  /** All of it, afresh: growth may have detached what was read before. */
  get all(): Elements {
    return this.#array ?? (this.matrix as Matrix).data;
  }

  /** Puts elements there, to stay. */
  put(elements: Elements, at: number): void {
    this.all.set(elements, at);
    this.#before.set(elements, at);
  }

  /** Elements that are results, as they are from now on to be. */
  take(from: number, to: number): Elements {
    const elements = this.all.slice(from, to);
    this.#before.set(elements, from);
    return elements;
  }

  /** Fails where anything changed but what was taken. */
  check(): void {
    if (!sameBytes(this.all, this.#before)) fail(`${this.#name}: what was not to be written to was`);
  }

  free(): void {
    this.matrix?.free();
  }
}
