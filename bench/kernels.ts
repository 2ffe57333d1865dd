/**
 * `npm run bench:kernels -- --before <adanorm.wasm>`: the kernels of this build beside those of another commit's module, called
 * directly on prepared calls, in alternating rounds of one process. Prints the ratio of their times, this build's first.
 */
import { readFileSync } from "node:fs";
import { cpus } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { type Abi, columnsBytes } from "../src/abi.ts";
import { writeCall } from "../test/call.ts";

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
const ROUNDS = 60;
/** Of one measurement: long beside the clock's resolution, short beside what disturbs it. */
const ROUND_US = 150;
const WARM_UP_MS = 30;

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

/** One pass of a norm on batches in a memory of its own, prepared. */
export type Run = () => unknown;
export type Prepare = (module: WebAssembly.Module, norm: string, pass: string, rows: number, size: number) => Run;

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
  const start = process.hrtime.bigint();
  for (let i = 0; i < calls; i++) run();
  return Number(process.hrtime.bigint() - start) / 1000 / calls;
}

function warmUp(run: Run): number {
  const end = performance.now() + WARM_UP_MS;
  let calls = 1;
  while (performance.now() < end) calls = Math.max(1, Math.round(ROUND_US / time(run, calls)));
  return calls;
}

const quantile = (values: number[], q: number) =>
  values.sort((a, b) => a - b)[Math.floor(q * (values.length - 1))] as number;

/** The ratio of two programs' times, and the time of the first in microseconds: of low quantiles, the median over pairs. */
function compare(makeNew: () => Run, makeOld: () => Run): { ratio: number; us: number } {
  const found = Array.from({ length: PAIRS }, () => {
    const [now, before] = [makeNew(), makeOld()];
    const calls = Math.max(warmUp(before), warmUp(now));
    const [nows, befores]: [number[], number[]] = [[], []];
    for (let round = 0; round < ROUNDS; round++) {
      // Each goes first every other time.
      if (round % 2) nows.push(time(now, calls));
      befores.push(time(before, calls));
      if (round % 2 === 0) nows.push(time(now, calls));
    }
    const us = quantile(nows, 0.1);
    return { us, ratio: us / quantile(befores, 0.1) };
  });
  return {
    ratio: quantile(
      found.map((one) => one.ratio),
      0.5,
    ),
    us: quantile(
      found.map((one) => one.us),
      0.5,
    ),
  };
}

/** Prints the table. */
export function run(prepareOld: Prepare = prepare): void {
  const { values } = parseArgs({
    options: {
      before: { type: "string" },
      now: { type: "string", default: "build/adanorm.wasm" },
      only: { type: "string", default: "" },
    },
  });
  if (!values.before) throw new Error("--before <path to another commit's adanorm.wasm> is missing");
  const compiled = (path: string) => new WebAssembly.Module(Uint8Array.from(readFileSync(path)));
  const [now, before] = [compiled(values.now), compiled(values.before)];
  console.log(`this build / ${values.before}, Node ${process.versions.node}, ${cpus()[0]?.model.trim()}`);
  console.log(`${"".padEnd(28)}${SHAPES.map((shape) => shape.join("x").padStart(20)).join("")}`);
  for (const [norm, passes] of Object.entries(WHAT)) {
    for (const pass of passes) {
      if (!`${norm} ${pass}`.match(values.only)) continue;
      const cells = SHAPES.map(([rows, size]) => {
        const { ratio, us } = compare(
          () => prepare(now, norm, pass, rows, size),
          () => prepareOld(before, norm, pass, rows, size),
        );
        return `${ratio.toFixed(3)} ${us.toFixed(2).padStart(9)} us`;
      });
      console.log(`${`${norm} ${pass}`.padEnd(28)}${cells.map((cell) => cell.padStart(20)).join("")}`);
    }
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) run();
