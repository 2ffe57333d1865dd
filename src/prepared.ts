/**
 * Prepared calls on matrices: arguments are checked and memory is allocated only once, so a run does little more than the
 * kernel.
 */
import type { NormContext } from "./arguments.js";
import { fillWith } from "./arrays.js";
import { isDirect as isDirectBackward, resultsOf, runBackward, takeBackward, writeBackward } from "./backward.js";
import { notItself, rangeError, typeError } from "./checks.js";
import { isDirect as isDirectForward, takeForward, writeForward } from "./forward.js";
import { showAs } from "./inspect.js";
import { CALL } from "./layout.js";
import { dispose, isDisguised, type LinearMatrix, type Place, placeOf } from "./matrix.js";
import { aligned, type LinearMemory } from "./memory.js";
import type { Operand } from "./operand.js";
import { readBackward, readForward, readStats } from "./options.js";
import { type BackwardOperands, sumsOf, TiledBackward } from "./tiled-backward.js";
import { TiledForward } from "./tiled-forward.js";
import type { Backward, Matrix, Prepared, SummedForward } from "./types.js";

/** The linear memory of a prepared call: its block, the statistics of its rows, and its sums down the columns. */
class Frame {
  isLive = true;
  readonly memory: LinearMemory;
  readonly rows: number;
  readonly call: number;
  readonly means: number;
  readonly rstds: number;
  readonly columns: number;

  constructor({ call, memory }: NormContext, rows: number, columns: number) {
    const block = aligned(CALL.bytes);
    const stats = aligned(rows * 8);
    this.memory = memory;
    this.rows = rows;
    this.call = memory.allocate(call, block + 2 * stats + columns);
    this.means = this.call + block;
    this.rstds = this.means + stats;
    this.columns = this.rstds + stats;
    // Until the first run the statistics are zeros, not what the memory held before.
    memory.clear(this.means, 2 * stats);
  }

  /** A live view of statistics. It keeps `result` alive, and that keeps the call alive. */
  view(name: string, pointer: number, result: object): Float64Array {
    if (!this.isLive) throw new TypeError(`Prepared.result.${name}: expected a live call, got one that was freed`);
    const view = new Float64Array(this.memory.buffer, pointer, this.rows);
    owners.set(view, result);
    return view;
  }

  free(): void {
    if (!this.isLive) return;
    this.isLive = false;
    this.memory.free(this.call);
  }
}

/** Frees the frames of prepared calls that are collected without free(). */
const abandoned =
  typeof FinalizationRegistry === "undefined" ? undefined : new FinalizationRegistry<Frame>((frame) => frame.free());

/**
 * The result of each view of statistics. A view keeps it alive, so that the frame is not freed while somebody holds the
 * view.
 */
const owners = new WeakMap<object, object>();

/** The prepared forward of each result. A result keeps its call alive, and so does a view of its statistics. */
const preparedOf = new WeakMap<object, LinearPrepared<unknown>>();

/** A matrix that a prepared call works on, with the name of its argument. */
interface Used {
  readonly argument: string;
  readonly matrix: LinearMatrix;
  readonly place: Place;
}

/** The parts of a prepared call. */
interface Parts<R> {
  /** The name of the method that prepared it. */
  readonly call: string;
  readonly frame: Frame;
  /** Runs the kernel on the first `rows` rows. */
  readonly execute: (rows: number) => void;
  readonly result: R;
  readonly used: readonly Used[];
  /** Matrices that the call made for its results, which `free` frees too. */
  readonly made: readonly LinearMatrix[];
  /** Elements in a row, for a forward; undefined for a backward, which has no statistics to give. */
  readonly size?: number;
  /** For a backward, the prepared forward whose statistics it reads, if any. */
  readonly source?: LinearPrepared<unknown> | undefined;
}

/** The parts of a prepared call. Undefined for anything else, including a Proxy of one. */
let partsOf: (value: unknown) => Parts<unknown> | undefined;

class LinearPrepared<R> implements Prepared<R> {
  readonly #parts: Parts<R>;

  static {
    partsOf = (value) => {
      try {
        return (value as LinearPrepared<unknown>).#parts;
      } catch {
        return undefined;
      }
    };
    showAs(LinearPrepared, "Prepared", (prepared) => {
      const { call, frame, result } = prepared.#parts;
      return { call, rows: frame.rows, ...(frame.isLive ? { result } : { freed: true }) };
    });
  }

  constructor(parts: Parts<R>) {
    this.#parts = parts;
    for (const matrix of parts.made) fillWith(matrix.data, 0);
    abandoned?.register(this, parts.frame, this);
  }

  run(rows?: number): R {
    const { frame, execute, used, source, result } = LinearPrepared.#ownParts("run", this);
    if (!frame.isLive) throw freed("a live call");
    for (const { argument, place } of used) if (!place.isLive) throw freed("a live Matrix", argument);
    if (source && !source.#parts.frame.isLive) throw freed("a live prepared call", "stats");
    execute(rows === undefined ? frame.rows : checkRows(rows, frame.rows));
    return result;
  }

  get result(): R {
    return LinearPrepared.#ownParts("result", this).result;
  }

  free(): void {
    const { frame, made } = LinearPrepared.#ownParts("free", this);
    frame.free();
    abandoned?.unregister(this);
    for (const matrix of made) matrix.free();
  }

  [dispose](): void {
    LinearPrepared.prototype.free.call(this);
  }

  static #ownParts<R>(method: string, self: LinearPrepared<R>): Parts<R> {
    try {
      return self.#parts;
    } catch {
      throw notItself(`Prepared.${method}`, self);
    }
  }
}

function freed(expected: string, argument?: string): TypeError {
  return new TypeError(`Prepared.run: ${argument ? `${argument}: ` : ""}expected ${expected}, got one that was freed`);
}

function checkRows(rows: unknown, most: number): number {
  const expected = `an integer from 0 to ${most}`;
  if (typeof rows !== "number") throw typeError("Prepared.run", "rows", expected, rows);
  if (!Number.isInteger(rows) || rows < 0 || rows > most) throw rangeError("Prepared.run", "rows", expected, rows);
  return rows;
}

type Given = { readonly [Argument: string]: unknown };

/** Throws if an argument is not a matrix. Every run must find its batches at the same addresses, so arrays cannot serve. */
function checkMatrices({ call }: NormContext, required: Given, optional: Given): void {
  for (const [argument, value] of Object.entries({ ...required, ...optional })) {
    if (placeOf(value) || isDisguised(value) || (value === undefined && !(argument in required))) continue;
    throw typeError(call, argument, "a Matrix, which every run reads or writes", value);
  }
}

function usedOf(...operands: (Operand | undefined)[]): Used[] {
  return operands
    .filter((operand) => operand !== undefined)
    .map(({ argument, value }) => ({ argument, matrix: value as LinearMatrix, place: placeOf(value) as Place }));
}

/** The result of a prepared forward. mean and rstd are getters, which make live views. */
function forwardResult(output: Operand, sum: Operand | undefined, frame: Frame) {
  const result = {
    y: output.result(),
    get mean() {
      return frame.view("mean", frame.means, result);
    },
    get rstd() {
      return frame.view("rstd", frame.rstds, result);
    },
  };
  return sum ? Object.assign(result, { sum: sum.result() }) : result;
}

export function prepareForward(context: NormContext, x: unknown, options: unknown): Prepared<SummedForward<Matrix>> {
  const { call, memory, size } = context;
  const given = readForward(call, options, size);
  const { gain, bias, residual, sum: sumGiven, out } = given;
  checkMatrices(context, { x }, { gain, bias, residual, sum: sumGiven, out });
  const made: LinearMatrix[] = [];
  try {
    const operands = takeForward(context, x, given, made);
    const { input, output, sum } = operands;
    const frame = new Frame(context, input.rows, 0);
    let execute = (rows: number): void => {
      memory.kernelsFor(rows * size).forward(frame.call, 0, rows);
    };
    if (isDirectForward(operands)) writeForward(context, operands, frame);
    else execute = tiled(memory, new TiledForward(context, operands, frame));
    const used = usedOf(input, operands.gain, operands.bias, operands.residual, sum, output);
    const result = forwardResult(output, sum, frame);
    const prepared = new LinearPrepared({ call, frame, execute, result, used, made, size });
    preparedOf.set(result, prepared);
    return prepared as Prepared<unknown> as Prepared<SummedForward<Matrix>>;
  } catch (error) {
    for (const matrix of made) matrix.free();
    throw error;
  }
}

export function prepareBackward(
  context: NormContext,
  dy: unknown,
  x: unknown,
  stats: unknown,
  options: unknown,
): Prepared<Backward<Matrix>> {
  const { call, memory, size } = context;
  const given = readBackward(call, options, size);
  const source = sourceOf(stats);
  const givenStats = source ? undefined : readStats(call, stats);
  const { gain, bias, dSum, dx, dGain, dBias } = given;
  const results = { "out.dx": dx, "out.dGain": dGain, "out.dBias": dBias };
  checkMatrices(context, { dy, x }, { gain, bias, dSum, ...results });
  const made: LinearMatrix[] = [];
  try {
    const taken = takeBackward(context, dy, x, givenStats, given, made);
    const { upstream, input, stats: found } = taken;
    const { rows } = upstream;
    const origin = source && checkSource(context, source, upstream);
    const sums = sumsOf(context, taken);
    const own = new Frame(context, rows, sums.columns + sums.totals);
    const { means, rstds } = origin ?? own;
    if (found) {
      memory.place(found.mean, 0, means, rows);
      memory.place(found.rstd, 0, rstds, rows);
    }
    const hasStats = origin !== undefined || found !== undefined;
    const frame = { call: own.call, means, rstds, columns: own.columns, hasStats };
    const operands: BackwardOperands = { ...taken, stats: undefined };
    let execute = (count: number): void => runBackward(context, operands, frame, sums, count);
    if (isDirectBackward(operands, sums)) writeBackward(context, operands, frame, sums);
    else execute = tiled(memory, new TiledBackward(context, operands, frame));
    const used = usedOf(upstream, input, taken.gain, taken.dSum, taken.dx, taken.dGain, taken.dBias);
    const result = resultsOf(operands) as Backward<Matrix>;
    return new LinearPrepared({ call, frame: own, execute, result, used, made, source });
  } catch (error) {
    for (const matrix of made) matrix.free();
    throw error;
  }
}

/** Runs a call tile by tile. Such a call uses the scratch area, but only while it runs. */
function tiled(memory: LinearMemory, pass: TiledForward | TiledBackward): (rows: number) => void {
  return (rows) => {
    try {
      pass.run(rows);
    } finally {
      memory.release();
    }
  };
}

/** The prepared forward, if `stats` is one or the result of one. */
function sourceOf(stats: unknown): LinearPrepared<unknown> | undefined {
  // What is no object has no entry.
  return partsOf(stats) ? (stats as LinearPrepared<unknown>) : preparedOf.get(stats as object);
}

/** The frame of a prepared forward. Throws if its statistics cannot be those of the rows of `upstream`. */
function checkSource({ call, memory, size }: NormContext, source: LinearPrepared<unknown>, upstream: Operand): Frame {
  const { frame, size: sizeOf } = partsOf(source) as Parts<unknown>;
  if (sizeOf === undefined || frame.memory !== memory) {
    const got = sizeOf === undefined ? "a prepared backward" : "one of another instance";
    throw new TypeError(`${call}: stats: expected a prepared forward of these kernels, got ${got}`);
  }
  if (!frame.isLive) throw new TypeError(`${call}: stats: expected a live prepared call, got one that was freed`);
  if (frame.rows !== upstream.rows || sizeOf !== size) {
    const expected = `those of ${upstream.rows} rows of size ${size}`;
    throw rangeError(call, "stats", expected, `those of ${frame.rows} rows of size ${sizeOf}`);
  }
  return frame;
}
