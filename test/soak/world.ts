/** One instance of the kernels with its matrices, and a checksum of the contents of each. */
import { type DType, type Kernels, loadSync, type Matrix } from "adanorm";
import type { Random } from "../accuracy/random.ts";
import type { Elements } from "../accuracy/storage.ts";
import { check, checksum } from "./contents.ts";

/** A matrix that is held. */
export interface Held {
  matrix: Matrix;
  sum: number;
}

/** A view whose matrix was dropped. While the view is held and not detached, the memory of the matrix must not be freed. */
interface Kept {
  view: Elements;
  bytes: number;
  sum: number;
}

/** Rounds of collection that finalizers may take. */
const PATIENCE = 200;

export class World {
  readonly kernels: Kernels;
  readonly held: Held[] = [];
  readonly #kept: Kept[] = [];
  /** Bytes of dropped matrices. The collector may have freed any part of them. */
  #dropped = 0;
  /** Bytes of matrices that are held, and bytes that the current calls hold. */
  bytes = 0;

  /** @param budget the approximate number of bytes that matrices may hold. */
  constructor(
    readonly name: string,
    readonly budget: number,
    maximumBytes?: number,
  ) {
    this.kernels = loadSync({ maximumBytes });
  }

  /** Holds a matrix whose contents are final. */
  hold<D extends DType>(matrix: Matrix<D>): Matrix<D> {
    this.bytes += matrix.data.byteLength;
    this.held.push({ matrix, sum: checksum(matrix.data) });
    return matrix;
  }

  /** Removes a given matrix or a random one from those that are held, and checks its contents. */
  #take(random: Random): Matrix | undefined {
    const { held } = this;
    if (held.length === 0) return undefined;
    const index = random.integer(held.length);
    const one = held[index] as Held;
    this.#checkContents(one);
    held[index] = held[held.length - 1] as Held;
    held.length--;
    this.bytes -= one.matrix.data.byteLength;
    return one.matrix;
  }

  free(random: Random): void {
    const matrix = this.#take(random);
    matrix?.free();
    // A second time does nothing.
    if (random.uniform() < 0.1) matrix?.free();
  }

  /** Forgets a matrix without freeing it. */
  drop(random: Random): void {
    const matrix = this.#take(random);
    if (matrix) this.#dropped += matrix.data.byteLength;
  }

  /** Forgets a matrix, but keeps a view of it. */
  dropButView(random: Random): void {
    const matrix = this.#take(random);
    if (matrix) this.keep(matrix.data);
  }

  /** Keeps a view whose matrix was dropped. */
  keep(view: Elements): void {
    this.#kept.push({ view, bytes: view.byteLength, sum: checksum(view) });
  }

  /** Forgets views that are older than `most` others. */
  dropViews(most: number): void {
    for (const { bytes } of this.#kept.splice(0, Math.max(this.#kept.length - most, 0))) this.#dropped += bytes;
  }

  verify(random: Random): void {
    const { held } = this;
    if (held.length > 0) this.#checkContents(held[random.integer(held.length)] as Held);
    this.checkUsed();
  }

  verifyAll(): void {
    for (const one of this.held) this.#checkContents(one);
    this.checkUsed();
  }

  /** memory.used is at least what is held, and at most what is held and dropped together. */
  checkUsed(): void {
    this.#checkViews();
    const { used } = this.kernels.memory;
    const least = this.bytes + this.#keptBytes;
    check(used >= least && used <= least + this.#dropped, () => {
      return `${this.name}: memory.used is ${used}; held ${least}, dropped ${this.#dropped}`;
    });
  }

  /** Waits until everything that was dropped has been freed, and fails if it is not. */
  async settle(): Promise<void> {
    for (let round = 0; round < PATIENCE; round++) {
      globalThis.gc?.();
      await new Promise((resolve) => setTimeout(resolve, 1));
      this.#checkViews();
      if (this.kernels.memory.used === this.bytes + this.#keptBytes) break;
    }
    this.#dropped = 0;
    this.checkUsed();
  }

  get #keptBytes(): number {
    return this.#kept.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /**
   * Growth detaches views: a matrix whose view is detached counts as dropped. All other views must have kept their
   * contents.
   */
  #checkViews(): void {
    for (let i = this.#kept.length - 1; i >= 0; i--) {
      const { view, bytes, sum } = this.#kept[i] as Kept;
      if (view.byteLength === bytes) {
        check(checksum(view) === sum, () => `${this.name}: a view of ${view.length} elements changed`);
      } else {
        this.#kept.splice(i, 1);
        this.#dropped += bytes;
      }
    }
  }

  #checkContents({ matrix, sum }: Held): void {
    const { rows, cols, dtype, data } = matrix;
    check(checksum(data) === sum, () => `${this.name}: a matrix of ${rows} x ${cols} ${dtype} changed`);
  }
}
