/** The kernels of two modules beside each other, called directly on blocks that are written once, in alternating rounds. */
import { type Abi, columnsBytes } from "../../src/abi.ts";
import { writeCall } from "../../test/call.ts";

const SHAPES = [
  [8, 64],
  [12, 64],
  [64, 64],
  [1, 768],
  [32, 768],
  [1024, 768],
  [8192, 768],
] as const;
const PASSES = ["forward", "backward", "backward, columns"] as const;
/** What is measured of each norm; "rows" are the row reductions. */
const WHAT: Record<string, readonly string[]> = {
  layerNorm: PASSES,
  adaNorm: ["forward", "backward"],
  rmsNorm: PASSES,
  rows: ["sum", "max"],
};

/** Pairs of instances, each with a memory of its own: where a batch happens to lie is worth a per cent or two. */
const PAIRS = 5;
const WARM_UP_MS = 30;

/** How an engine measures. */
export interface Clock {
  /** Of one measurement: long beside the clock's resolution, short beside what disturbs it. */
  roundUs: number;
  rounds: number;
}

/** Regular expressions for what is wanted, as "layerNorm forward", and for shapes, as "8x64". */
export interface Wanted {
  only: string;
  shape: string;
}

/** One pass of a norm on batches in a memory of its own. */
export type Run = () => unknown;
export type Prepare = (module: WebAssembly.Module, norm: string, pass: string, rows: number, size: number) => Run;

/** Numbers that are nearly normal, the same in every run. */
function normal(length: number, seed: number): Float32Array {
  let state = seed;
  const next = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  return Float32Array.from({ length }, () => {
    let sum = -6;
    for (let i = 0; i < 12; i++) sum += next();
    return sum;
  });
}

/** Where everything lies, at the same places for every module, and what is there. */
export function place(rows: number, size: number) {
  const bytes = (length: number) => Math.ceil(length / 64) * 64 + 64;
  const batch = bytes(rows * size * 4);
  let end = 1024;
  const take = (length: number) => {
    end += length;
    return end - length;
  };
  const [x, dy, out] = [take(batch), take(batch), take(batch)];
  const [gain, bias] = [take(bytes(size * 4)), take(bytes(size * 4))];
  const [means, rstds] = [take(bytes(rows * 8)), take(bytes(rows * 8))];
  const columns = take(bytes(columnsBytes(size)));
  const memory = new WebAssembly.Memory({ initial: Math.ceil(end / 65536) });
  const write = (values: Float32Array, at: number) => new Float32Array(memory.buffer, at, values.length).set(values);
  write(normal(rows * size, 1), x);
  write(normal(rows * size, 2), dy);
  write(normal(size, 3), gain);
  write(normal(size, 4), bias);
  return { memory, x, dy, out, gain, bias, means, rstds, columns };
}

const prepare: Prepare = (module, norm, pass, rows, size) => {
  const { memory, x, dy, out, gain, bias, means, rstds, columns } = place(rows, size);
  const abi = new WebAssembly.Instance(module, { env: { memory } }).exports as unknown as Abi;
  const [isAda, isRms] = [norm === "adaNorm", norm === "rmsNorm"];
  const stride = size * 4;
  const call = writeCall(memory, 512, {
    ...{ size, eps: 1e-5, x, xStride: stride, means, rstds, dy, dyStride: stride },
    ...{ y: out, yStride: stride, dx: out, dxStride: stride },
    ...{ centred: isRms ? 0 : 1, detachMean: isRms ? 1 : 0 },
    ...(isAda ? { isAda: 1, scale: 1, k: 0.1, detachScale: 1 } : { gain, scale: 1 }),
    ...(norm === "layerNorm" && { bias }),
    ...(pass === "backward, columns" && { columns }),
  });
  if (pass === "sum") return () => abi.rowSum(x, means, rows, size);
  if (pass === "max") return () => abi.rowMax(x, means, rows, size);
  abi.statistics(call, 0, rows);
  return pass === "forward" ? () => abi.forward(call, 0, rows) : () => abi.backward(call, 0, rows);
};

/** Microseconds of one call, over so many. */
function time(run: Run, calls: number): number {
  const start = performance.now();
  for (let i = 0; i < calls; i++) run();
  return ((performance.now() - start) * 1000) / calls;
}

function warmUp(run: Run, roundUs: number): number {
  const end = performance.now() + WARM_UP_MS;
  let calls = 1;
  while (performance.now() < end) {
    // A coarse clock may have found no time at all.
    const us = Math.max(time(run, calls), 0.001);
    calls = Math.max(1, Math.round(Math.min(roundUs / us, calls * 10)));
  }
  return calls;
}

const quantile = (values: number[], q: number) =>
  values.sort((a, b) => a - b)[Math.floor(q * (values.length - 1))] as number;

/** The ratio of two programs' times, and the time of the first in microseconds: of low quantiles, the median over pairs. */
function compare(makeNew: () => Run, makeOld: () => Run, { roundUs, rounds }: Clock): { ratio: number; us: number } {
  const found = Array.from({ length: PAIRS }, () => {
    const [now, before] = [makeNew(), makeOld()];
    const calls = Math.max(warmUp(before, roundUs), warmUp(now, roundUs));
    const [nows, befores]: [number[], number[]] = [[], []];
    for (let round = 0; round < rounds; round++) {
      // Each goes first every other time.
      if (round % 2) nows.push(time(now, calls));
      befores.push(time(before, calls));
      if (round % 2 === 0) nows.push(time(now, calls));
    }
    const us = quantile(nows, 0.1);
    return { us, ratio: us / quantile(befores, 0.1) };
  });
  const middle = (of: (one: (typeof found)[number]) => number) => quantile(found.map(of), 0.5);
  return { ratio: middle(({ ratio }) => ratio), us: middle(({ us }) => us) };
}

/**
 * The table of ratios, this build's time first, as lines.
 *
 * @param prepareOld how the other module is called; as this one if left out.
 */
export function* contest(
  now: WebAssembly.Module,
  before: WebAssembly.Module,
  { only, shape }: Wanted,
  clock: Clock,
  prepareOld: Prepare = prepare,
): Generator<string> {
  const shapes = SHAPES.filter((one) => one.join("x").match(shape));
  yield `${"".padEnd(28)}${shapes.map((one) => one.join("x").padStart(20)).join("")}`;
  for (const [norm, passes] of Object.entries(WHAT)) {
    for (const pass of passes) {
      if (!`${norm} ${pass}`.match(only)) continue;
      const cells = shapes.map(([rows, size]) => {
        const { ratio, us } = compare(
          () => prepare(now, norm, pass, rows, size),
          () => prepareOld(before, norm, pass, rows, size),
          clock,
        );
        return `${ratio.toFixed(3)} ${us.toFixed(2).padStart(9)} us`;
      });
      yield `${`${norm} ${pass}`.padEnd(28)}${cells.map((cell) => cell.padStart(20)).join("")}`;
    }
  }
}
