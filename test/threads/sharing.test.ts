/** Which calls are shared, and as what tasks: seen by what the calling thread writes to the memory that threads share. */
import type { Kernels, Matrix } from "adanorm";
import { decode, encode } from "adanorm/reference";
import { afterEach, describe, expect, it, vi } from "vitest";
import { LIMITS } from "../../build/threads.js";
import { KIND, sleepsWord, WORD } from "../../src/threads/control.ts";
import { expectSameBytes, normal, normalOf } from "../support.ts";
import { loadThreads } from "./support.ts";

afterEach(() => vi.restoreAllMocks());

/** What a task says. */
interface Task {
  kind: string;
  from: number;
  rows: number;
  blocks: number;
  blockRows: number;
  /** How many batches it overwrites while it reads them. */
  overwritten: number;
}

const add = Atomics.add;

/** The tasks that a call opens, and the memory that they are in. */
function watch(call: () => void): { tasks: Task[]; control: Int32Array | undefined } {
  const tasks: Task[] = [];
  let control: Int32Array | undefined;
  vi.spyOn(Atomics, "add").mockImplementation(((words: Int32Array, index: number, value: number) => {
    if (index === WORD.generation) {
      control = words;
      const word = (at: WORD) => words[at] as number;
      tasks.push({
        kind: KIND[word(WORD.kind)] as string,
        from: word(WORD.from),
        rows: word(WORD.rows),
        blocks: word(WORD.blocks),
        blockRows: word(WORD.blockRows),
        overwritten: word(WORD.overwritten),
      });
    }
    return add(words, index, value);
  }) as typeof Atomics.add);
  call();
  vi.restoreAllMocks();
  return { tasks, control };
}

const tasksOf = (call: () => void) => watch(call).tasks;

const SIZE = 100;

/** Kernels whose calls are worth it from a cost of 3000 on, whether or not threads are asleep, in blocks of 1500. */
async function loadReady(threads: number): Promise<Kernels> {
  const kernels = await loadThreads(threads);
  Object.assign(LIMITS, { learns: false, small: 3000, block: 1500, large: 0, patience: 60_000 });
  return kernels;
}

function batchOf(kernels: Kernels, rows: number, seed = 1, dtype: "f32" | "f16" = "f32"): Matrix {
  return kernels.matrix(normalOf(dtype, rows * SIZE, seed) as Float32Array, SIZE, dtype);
}

function statsOf(rows: number) {
  return { mean: new Float64Array(rows), rstd: new Float64Array(rows).fill(1) };
}

type Call = (kernels: Kernels, rows: number) => void;

const adaNorm = (kernels: Kernels) => kernels.adaNorm({ size: SIZE });

function backward(kernels: Kernels, rows: number): void {
  adaNorm(kernels).backward(batchOf(kernels, rows, 2), batchOf(kernels, rows), statsOf(rows));
}

function backwardWithSums(kernels: Kernels, rows: number): void {
  const gain = batchOf(kernels, 1, 3);
  const norm = kernels.layerNorm({ size: SIZE });
  norm.backward(batchOf(kernels, rows, 2), batchOf(kernels, rows), statsOf(rows), { gain });
}

const reduce =
  (name: "sum" | "l1" | "sumSquare" | "min" | "max" | "variance" | "int8" | "bits"): Call =>
  (kernels, rows) =>
    void kernels.rows(SIZE)[name](batchOf(kernels, rows));

/** Each kind of task: the least rows of 100 elements that are shared, and the rows of a block. */
const LEAST: readonly [kind: keyof typeof KIND, least: number, blockRows: number, call: Call][] = [
  ["forward", 30, 15, (kernels, rows) => void adaNorm(kernels).forward(batchOf(kernels, rows))],
  ["backward", 15, 8, backward],
  // Two whole stripes, however little they cost.
  ["stripes", 128, 64, backwardWithSums],
  ["widenRows", 60, 30, (kernels, rows) => void batchOf(kernels, rows, 1, "f16").toFloat32()],
  ["rowSum", 60, 30, reduce("sum")],
  ["rowL1", 60, 30, reduce("l1")],
  ["rowSumSquare", 60, 30, reduce("sumSquare")],
  ["rowMin", 100, 50, reduce("min")],
  ["rowMax", 100, 50, reduce("max")],
  ["rowMoments", 30, 15, reduce("variance")],
  ["rowInt8", 30, 15, reduce("int8")],
  ["rowBits", 100, 50, reduce("bits")],
];

describe("calls are shared that are worth it:", () => {
  it.each(LEAST)("%s", async (kind, least, blockRows, call) => {
    const kernels = await loadReady(2);
    expect(tasksOf(() => call(kernels, least - 1))).toEqual([]);
    const task = { kind, from: 0, rows: least, blocks: 2, blockRows, overwritten: 0 };
    expect(tasksOf(() => call(kernels, least))).toEqual([task]);
    kernels.close();
    expect(tasksOf(() => call(kernels, least))).toEqual([]);
  });

  it("statistics, before the backward that needs them", async () => {
    const kernels = await loadReady(2);
    const kindsOf = (rows: number) => {
      const [x, dy] = [batchOf(kernels, rows), batchOf(kernels, rows, 2)];
      return tasksOf(() => adaNorm(kernels).backward(dy, x)).map(({ kind, blockRows }) => [kind, blockRows]);
    };
    expect(kindsOf(59)).toEqual([["backward", 8]]);
    expect(kindsOf(60)).toEqual([
      ["statistics", 30],
      ["backward", 8],
    ]);
  });

  it("what 16-bit batches need around the kernels", async () => {
    const kernels = await loadReady(2);
    const kindsOf = (rows: number) => {
      const [x, residual] = [batchOf(kernels, rows, 1, "f16"), batchOf(kernels, rows, 2, "f16")];
      const norm = kernels.adaNorm({ size: SIZE, dtype: "f16" });
      return tasksOf(() => norm.forward(x, { residual }));
    };
    expect(kindsOf(59).map(({ kind }) => kind)).toEqual(["forward"]);
    expect(kindsOf(60).map(({ kind, blockRows, overwritten }) => [kind, blockRows, overwritten])).toEqual([
      ["widenRows", 30, 0],
      ["widenRows", 30, 0],
      // Where x is.
      ["addRows", 30, 1],
      ["narrowRows", 30, 0],
      // The sum as it was rounded.
      ["widenRows", 30, 0],
      ["forward", 15, 1],
      ["narrowRows", 30, 0],
    ]);
  });

  it("backward of norms without sums of columns, like any other", async () => {
    const kernels = await loadReady(2);
    const [x, dy] = [batchOf(kernels, 130), batchOf(kernels, 130, 2)];
    const norm = kernels.layerNorm({ size: SIZE });
    expect(tasksOf(() => norm.backward(dy, x, statsOf(130))).map(({ kind }) => kind)).toEqual(["backward"]);
  });

  it("two rows, but not one, which is converted all the same", async () => {
    const kernels = await loadReady(2);
    Object.assign(LIMITS, { learns: false, small: 0, block: 0 });
    const wanted = encode(normal(2 * SIZE, 1), "f16");
    const toFloat32 = (rows: number) => {
      const matrix = kernels.matrix(wanted.slice(0, rows * SIZE) as Uint16Array, SIZE, "f16");
      let values: Float32Array = new Float32Array(0);
      const tasks = tasksOf(() => {
        values = matrix.toFloat32();
      });
      expectSameBytes(values, Float32Array.from(decode(wanted.slice(0, rows * SIZE), "f16")));
      return tasks.map(({ kind, blocks }) => [kind, blocks]);
    };
    expect(toFloat32(1)).toEqual([]);
    expect(toFloat32(2)).toEqual([["widenRows", 2]]);
  });

  it("not a single row, however long", async () => {
    const kernels = await loadReady(2);
    Object.assign(LIMITS, { learns: false, small: 0, block: 0 });
    const size = 100_000;
    const x = kernels.matrix(normal(size, 1), size);
    const gain = kernels.matrix(normal(size, 2), size);
    const norm = kernels.layerNorm({ size });
    const rows = kernels.rows(size);
    const call = () => {
      norm.backward(x, x, norm.forward(x, { gain }), { gain });
      kernels.detachNorm({ size }).backward(x, x);
      rows.sum(x);
      rows.int8(x);
    };
    expect(tasksOf(call)).toEqual([]);
  });
});

describe("tasks", () => {
  it("say what they overwrite while they read it", async () => {
    const kernels = await loadReady(2);
    const rows = 60;
    const [x, dy, residual] = [batchOf(kernels, rows), batchOf(kernels, rows, 2), batchOf(kernels, rows, 3)];
    const [y, sum] = [batchOf(kernels, rows), batchOf(kernels, rows)];
    const norm = adaNorm(kernels);
    const overwritten = (call: () => void) => tasksOf(call).map((task) => task.overwritten);
    expect(overwritten(() => norm.forward(x, { out: y }))).toEqual([0]);
    expect(overwritten(() => norm.forward(x, { out: x }))).toEqual([1]);
    expect(overwritten(() => norm.forward(x, { residual, sum, out: y }))).toEqual([0]);
    expect(overwritten(() => norm.forward(x, { residual, sum: x, out: y }))).toEqual([1]);
    expect(overwritten(() => norm.forward(x, { residual, sum, out: residual }))).toEqual([1]);
    expect(overwritten(() => norm.forward(x, { residual, sum: residual, out: x }))).toEqual([2]);
    expect(overwritten(() => norm.backward(dy, x, statsOf(rows), { out: { dx: y } }))).toEqual([0]);
    expect(overwritten(() => norm.backward(dy, x, statsOf(rows), { out: { dx: x } }))).toEqual([1]);
    expect(overwritten(() => norm.backward(dy, x, statsOf(rows), { out: { dx: dy } }))).toEqual([1]);
    // Rows that are read twice are copied once.
    expect(overwritten(() => norm.backward(dy, dy, statsOf(rows), { out: { dx: dy } }))).toEqual([1]);
  });

  it("have twelve blocks for each thread, and no more than have a state", async () => {
    const kernels = await loadReady(3);
    Object.assign(LIMITS, { learns: false, small: 0, block: 0 });
    const shapeOf = (rows: number) => {
      const x = batchOf(kernels, rows);
      const [task] = tasksOf(() => adaNorm(kernels).forward(x, { out: x }));
      return [task?.blocks, task?.blockRows];
    };
    expect(shapeOf(2)).toEqual([2, 1]);
    expect(shapeOf(36)).toEqual([36, 1]);
    expect(shapeOf(37)).toEqual([19, 2]);
    expect(shapeOf(3600)).toEqual([36, 100]);
    kernels.close();
    const many = await loadReady(24);
    Object.assign(LIMITS, { learns: false, small: 0, block: 0 });
    const x = batchOf(many, 512);
    const [task] = tasksOf(() => adaNorm(many).forward(x, { out: x }));
    expect([task?.blocks, task?.blockRows]).toEqual([256, 2]);
  });

  it("that sum columns are of eight stripes for each thread", async () => {
    const kernels = await loadReady(2);
    const tasks = tasksOf(() => backwardWithSums(kernels, 64 * 37 + 5));
    expect(tasks.map(({ from, rows, blocks }) => [from, rows, blocks])).toEqual([
      [0, 64 * 16, 16],
      [64 * 16, 64 * 16, 16],
      [64 * 32, 64 * 5, 5],
    ]);
  });
});

describe("threads that are asleep", () => {
  /** Kernels whose only other thread sleeps, and their control memory. */
  async function loadAsleep(): Promise<{ kernels: Kernels; task: () => void; control: Int32Array }> {
    const kernels = await loadReady(2);
    const x = batchOf(kernels, 30);
    const task = () => void adaNorm(kernels).forward(x, { out: x });
    const { control } = watch(task);
    if (!control) throw new Error("no task was opened");
    while (Atomics.load(control, sleepsWord(1)) === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    return { kernels, task, control };
  }

  /** Sets the time that the kernels see, in ms. */
  function setTime(now: number): void {
    vi.spyOn(performance, "now").mockReturnValue(now);
  }

  it("are not woken for less than a large task, but for small ones that come one after the other", async () => {
    const { task } = await loadAsleep();
    LIMITS.large = 9000;
    const tasksAt = (...times: number[]) =>
      times.map((time) => {
        setTime(time);
        const { length } = tasksOf(task);
        return length;
      });
    // Of 3000 each: the third makes a large one, but not if it comes late.
    expect(tasksAt(1000, 1000.1)).toEqual([0, 0]);
    expect(tasksAt(1000.4, 1000.5)).toEqual([0, 0]);
    expect(tasksAt(1000.6)).toEqual([1]);
  });
});
