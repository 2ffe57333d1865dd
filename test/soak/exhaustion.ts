/** Calls that run out of memory at any point: nothing is lost, and with memory again they give the same bytes. */
import { type DType, type Kernels, loadSync, type Matrix } from "adanorm";
import type { Random } from "../accuracy/random.ts";
import type { Elements } from "../accuracy/storage.ts";
import { type Call, DTYPES, describeCall, drawCall, normOf, orders } from "./calls.ts";
import { check, checksum, sameBytes } from "./contents.ts";

const PAGE = 65536;

/** The largest number of blocks that are freed in a full memory: with more, most calls would have enough. */
const MOST_FREED = 10;

/** A call that may run out of memory, and its results, which no other call uses. */
interface Attempt {
  name: string;
  /** What its messages begin with. */
  call: string;
  run(): ArrayBufferView[];
  /** The memory that the call writes to if it gets so far. */
  outputs: Matrix[];
}

/** Fills the memory completely, with blocks of any sizes, and returns the blocks. */
function fill(kernels: Kernels, random: Random): Matrix[] {
  const fillers: Matrix[] = [];
  let size = PAGE;
  while (size >= 4) {
    try {
      const matrix = kernels.matrix(1, Math.ceil(size / 4) + (size > 64 ? random.integer(4) : 0));
      matrix.data.fill(fillers.length);
      fillers.push(matrix);
    } catch (error) {
      check(error instanceof RangeError, () => `a full memory gives ${error}`);
      size /= 2;
    }
  }
  return fillers;
}

/** Results as arrays, their matrices freed. */
function taken(results: object): ArrayBufferView[] {
  return Object.values(results)
    .filter((value) => value !== undefined)
    .map((value) => {
      if (ArrayBuffer.isView(value)) return value;
      const copy = (value as Matrix).toArray();
      (value as Matrix).free();
      return copy;
    });
}

/** One of all calls that take memory, on matrices or on arrays. */
function drawAttempt(kernels: Kernels, call: Call, random: Random, made: Matrix[]): Attempt {
  const { size, dtype, x, dy, gain, bias, residual, dSum } = call;
  const norm = normOf(kernels, call);
  const place = <T extends Elements | undefined>(elements: T) => {
    if (elements === undefined) return undefined;
    const matrix = kernels.matrix(elements, size, elements instanceof Float32Array ? "f32" : dtype);
    made.push(matrix);
    return matrix;
  };
  const attempt = (
    name: string,
    run: () => object,
    outputs: Matrix[] = [],
    starts = `${call.norm}.${name}`,
  ): Attempt => {
    return { name, call: starts, run: () => taken(run()), outputs };
  };
  const xs = place(x) as Matrix;
  switch (random.integer(6)) {
    case 0:
      return attempt("forward", () => norm.forward(x, { gain, bias, residual } as { residual: Elements }));
    case 1: {
      const options = { gain: place(gain), bias, residual: place(residual) } as { residual: Matrix };
      return attempt("forward", () => norm.forward(xs, options));
    }
    case 2:
      return attempt("backward", () => norm.backward(dy, x, undefined, { gain, bias, dSum }));
    case 3: {
      const options = { gain, bias: place(bias), dSum: place(dSum) };
      const dys = place(dy) as Matrix;
      const out = kernels.matrix(xs.rows, size, dtype);
      made.push(out);
      const run = () => norm.backward(dys, xs, undefined, { ...options, out: { dx: out } });
      return attempt("backward", () => ({ ...run(), dx: out.toArray() }), [out]);
    }
    case 4: {
      const rows = kernels.rows(size, { dtype });
      const on = random.uniform() < 0.5 ? x : xs;
      return attempt("rows", () => [rows.l2(on)], [], "rows.l2");
    }
    default: {
      if (random.uniform() < 0.5) return attempt("toFloat32", () => [xs.toFloat32()], [], "Matrix.toFloat32");
      // A Uint16Array already holds the bits of its type; floats may become any type.
      const to = dtype === "f32" ? (DTYPES[random.integer(3)] as DType) : dtype;
      return attempt("matrix", () => [kernels.matrix(x as Float32Array, size, to)], [], "matrix");
    }
  }
}

/** An instance that runs out of memory time and again. */
const OFTEN = { pages: 32, kernels: loadSync({ maximumBytes: 32 * PAGE }) };

/** An instance that has never run out of memory and has no scratch area yet. */
function fresh(random: Random): typeof OFTEN {
  const pages = 2 + random.integer(6);
  return { pages, kernels: loadSync({ maximumBytes: pages * PAGE }) };
}

/** Returns whether the call did run out. */
export function exhaust(random: Random): boolean {
  const { pages, kernels } = random.uniform() < 0.2 ? OFTEN : fresh(random);
  const call = drawCall(random, (pages * PAGE) / 80);
  const made: Matrix[] = [];
  const { name, run, outputs, call: starts } = drawAttempt(kernels, call, random, made);
  const what = () => `${name} of ${describeCall(call)} in ${pages} pages`;
  const sums = made.map((matrix) => checksum(matrix.data));
  const { used } = kernels.memory;
  const fillers = fill(kernels, random);
  // Enough blocks are freed for the call to reach any of its allocations.
  const free = orders(random, Math.min(fillers.length, MOST_FREED) + 1);
  for (let i = 0; i < free; i++) (fillers.splice(random.integer(fillers.length), 1)[0] as Matrix | undefined)?.free();

  const full = kernels.memory;
  let first: ArrayBufferView[] | undefined;
  try {
    first = run();
  } catch (error) {
    check(error instanceof RangeError && error.message.startsWith(`${starts}: memory: `), () => `${what()}: ${error}`);
    made.forEach((matrix, i) => {
      check(checksum(matrix.data) === sums[i], () => `${what()}: ran out, and a matrix changed`);
    });
  }
  check(kernels.memory.used === full.used, () => `${what()}: used ${full.used} before, ${kernels.memory.used} after`);
  fillers.forEach((matrix) => {
    const value = (matrix.data as Float32Array)[0];
    check(
      (matrix.data as Float32Array).every((each) => each === value),
      () => `${what()}: a filler changed`,
    );
    matrix.free();
  });
  const again = run();
  first?.forEach((each, i) => {
    check(sameBytes(each, again[i] as ArrayBufferView), () => `${what()}: other bytes the second time`);
  });
  made.forEach((matrix, i) => {
    const is = outputs.includes(matrix) || checksum(matrix.data) === sums[i];
    check(is, () => `${what()}: an input changed`);
  });
  check(kernels.memory.used === used, () => `${what()}: used ${used} at first, ${kernels.memory.used} in the end`);
  for (const matrix of made) matrix.free();
  check(kernels.memory.used === 0, () => `${what()}: used ${kernels.memory.used} with all matrices freed`);
  return first === undefined;
}
