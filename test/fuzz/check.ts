/** Checks one case of any kind, in an instance that many cases use, with guards that nothing may write to. */
import { type Kernels, loadSync, type Matrix } from "adanorm";
import { Random } from "../accuracy/random.ts";
import type { Case } from "./cases.ts";
import { fail, sameBytes } from "./failure.ts";
import { checkHostile } from "./hostile/check.ts";
import { checkNorm } from "./norm.ts";
import { checkParts } from "./parts.ts";
import { checkMatrix, checkRows } from "./reductions.ts";

interface Guard {
  matrix: Matrix<"f32">;
  contents: Float32Array;
  /** A view of the matrix, made again when it is detached. */
  view: Float32Array;
}

/** Where the instance comes from that many cases use, and what happens before each case. */
export const setting = {
  makeKernels: (): Kernels => loadSync(),
  beforeCase: (): void => {},
};

/** An instance with guard matrices, between which the matrices of every case are allocated and freed. */
export class Guarded {
  readonly kernels: Kernels = setting.makeKernels();
  readonly #guards: Guard[];
  readonly #used: number;

  constructor() {
    const random = new Random("guards");
    const sizes = [1, 3, 4, 16, 61, 300];
    // The blocks of every size between the guards are freed, so that cases can use them.
    const between = sizes.map((size) => [this.#guard(random, size), this.kernels.matrix(1, 7 * size)] as const);
    for (const [, matrix] of between) matrix.free();
    this.#guards = between.map(([guard]) => guard);
    this.#used = this.kernels.memory.used;
  }

  #guard(random: Random, size: number): Guard {
    const contents = Float32Array.from({ length: size }, () => random.normal());
    const matrix = this.kernels.matrix(contents, size);
    return { matrix, contents, view: matrix.data };
  }

  /** Fails if a guard changed, or if memory is held that should be free. */
  check(): void {
    for (const guard of this.#guards) {
      if (guard.view.length === 0) guard.view = guard.matrix.data;
      if (!sameBytes(guard.view, guard.contents)) fail("another matrix was overwritten");
    }
    const { used } = this.kernels.memory;
    if (used !== this.#used) fail(`memory.used is ${used}, expected ${this.#used}`);
  }
}

let guarded: Guarded | undefined;

/** Has the next case begin with a new instance. */
export function forgetKernels(): void {
  guarded = undefined;
}

/** Checks a case. After a case that fails, the next case gets a new instance, because anything may have been overwritten. */
export function checkCase(each: Case): [kind: Case["kind"], outcome?: string] {
  guarded ??= new Guarded();
  const { kernels } = guarded;
  setting.beforeCase();
  try {
    if (each.kind === "norm") checkNorm(kernels, each);
    else if (each.kind === "samples" || each.kind === "channels") checkParts(kernels, each);
    else if (each.kind === "rows") checkRows(kernels, each);
    else if (each.kind === "matrix") checkMatrix(kernels, each);
    const outcome = each.kind === "hostile" ? checkHostile(kernels, each) : undefined;
    guarded.check();
    return outcome ? [each.kind, outcome] : [each.kind];
  } catch (error) {
    guarded = undefined;
    throw error;
  }
}
