/**
 * `npm run bench:calls`: what stands around a kernel. In one process, a layerNorm with gain and bias, on matrices: the kernel
 * called directly, a prepared call, an ordinary call with `out`, and a plain loop; after calls of 20 other shapes and kinds, which
 * leave engines with less to assume. Prints medians of alternating rounds, and their ratios.
 */
import { readFileSync } from "node:fs";
import { cpus } from "node:os";
import { type Kernels, load, type Matrix, type Norm } from "../build/index.js";
import type { Abi } from "../src/abi.ts";
import { CALL } from "../src/layout.ts";
import { writeCall } from "../test/call.ts";

const ROUNDS = 101;
/** Of one measurement: long beside the clock's resolution, short beside what disturbs it. */
const ROUND_US = 200;

const values = (length: number) => Float32Array.from({ length }, (_, i) => Math.sin(i * i));

/** Calls of other shapes, storages, norms and options. */
function runOthers(kernels: Kernels): void {
  const names = ["layerNorm", "adaNorm", "rmsNorm", "detachNorm", "layerNormSimple"] as const;
  for (const name of names) {
    for (const [rows, size, dtype, resident] of [
      [1, 96, "f32", true],
      [8, 64, "f32", false],
      [3, 768, "f32", true],
      [2, 33, "f16", true],
    ] as const) {
      const norm: Norm = kernels[name]({ size, dtype });
      const source = values(rows * size);
      const x = resident ? kernels.matrix(source, size, dtype) : source;
      const out = resident ? kernels.matrix(rows, size, dtype) : source.slice();
      const gain = name === "layerNorm" || name === "rmsNorm" ? { gain: kernels.matrix(values(size), size) } : {};
      const forms = [{ out }, { ...gain, out }, { residual: x, out }, { out, rowStride: size }, {}];
      for (let i = 0; i < 2000; i++) {
        const result = norm.forward<Matrix>(x as Matrix, forms[i % forms.length] as { out: Matrix });
        if (i % 4 === 0) norm.backward<Matrix>(x as Matrix, x as Matrix, result, { out: { dx: out as Matrix } });
      }
    }
  }
}

/** The kernel by itself, in a memory of its own. */
function rawKernel(rows: number, size: number): () => void {
  const memory = new WebAssembly.Memory({ initial: 1 });
  const binary = readFileSync(new URL("../build/adanorm.wasm", import.meta.url));
  const abi = new WebAssembly.Instance(new WebAssembly.Module(binary), { env: { memory } }).exports as unknown as Abi;
  const place = (array: Float32Array) => {
    const pointer = abi.alloc(array.byteLength);
    new Float32Array(memory.buffer, pointer, array.length).set(array);
    return pointer;
  };
  const [x, gain, bias] = [place(values(rows * size)), place(values(size)), place(values(size))];
  const [y, means, rstds] = [place(values(rows * size)), abi.alloc(rows * 8), abi.alloc(rows * 8)];
  const stride = size * 4;
  const call = writeCall(memory, abi.alloc(CALL.bytes), {
    ...{ size, eps: 1e-5, scale: 1, centred: 1, means, rstds },
    ...{ x, xStride: stride, gain, bias, y, yStride: stride },
  });
  return () => abi.forward(call, 0, rows);
}

/** LayerNorm of one row as one writes it. */
function plainLoop(x: Float32Array, gain: Float32Array, bias: Float32Array, y: Float32Array): void {
  const size = x.length;
  let sum = 0;
  for (let i = 0; i < size; i++) sum += x[i] as number;
  const mean = sum / size;
  let squares = 0;
  for (let i = 0; i < size; i++) squares += ((x[i] as number) - mean) ** 2;
  const rstd = 1 / Math.sqrt(squares / size + 1e-5);
  for (let i = 0; i < size; i++) y[i] = ((x[i] as number) - mean) * rstd * (gain[i] as number) + (bias[i] as number);
}

function nanoseconds(run: () => void, times: number): number {
  const start = process.hrtime.bigint();
  for (let i = 0; i < times; i++) run();
  return Number(process.hrtime.bigint() - start) / times;
}

const median = (numbers: number[]) => numbers.sort((a, b) => a - b)[numbers.length >> 1] as number;

/** The time of each, in alternating rounds. */
function measure(contenders: Record<string, () => void>): Record<string, number> {
  const each = Object.entries(contenders).map(([name, run]) => {
    nanoseconds(run, 20_000);
    return { name, run, times: Math.ceil((ROUND_US * 1000) / nanoseconds(run, 5_000)), taken: [] as number[] };
  });
  for (let round = 0; round < ROUNDS; round++) for (const one of each) one.taken.push(nanoseconds(one.run, one.times));
  return Object.fromEntries(each.map(({ name, taken }) => [name, median(taken)]));
}

const kernels = await load();
runOthers(kernels);
for (const size of [64, 768]) {
  const norm = kernels.layerNorm({ size });
  const [x, gain, bias] = [values(size), values(size), values(size)].map((each) => kernels.matrix(each, size)) as [
    Matrix,
    Matrix,
    Matrix,
  ];
  const out = kernels.matrix(1, size);
  const prepared = norm.prepareForward(x, { gain, bias, out });
  const [xs, gains, biases, ys] = [values(size), values(size), values(size), values(size)];
  const ns = measure({
    kernel: rawKernel(1, size),
    prepared: () => prepared.run(),
    ordinary: () => norm.forward(x, { gain, bias, out }),
    "ordinary, without gain and bias": () => norm.forward(x, { out }),
    "ordinary, without statistics": () => norm.forward(x, { gain, bias, out, stats: false }),
    "plain loop": () => plainLoop(xs, gains, biases, ys),
  });
  const of = (name: string) => ns[name] as number;
  const ratio = (name: string) => (of("prepared") / of(name)).toFixed(2);
  const times = Object.entries(ns).map(([name, time]) => `  ${name} ${time.toFixed(0)} ns`);
  console.log([`1 x ${size}:`, ...times].join("\n"));
  console.log(`  prepared: ${ratio("kernel")} of its kernel, ${ratio("ordinary")} of an ordinary call`);
  console.log(`  ordinary: ${(of("ordinary") - of("kernel")).toFixed(0)} ns more than the kernel`);
}
console.log(`Node ${process.version}, ${cpus()[0]?.model}; medians of ${ROUNDS} alternating rounds`);
