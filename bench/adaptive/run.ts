/**
 * What the adaptive statistics cost on ordinary rows: the module beside the same kernels with them compiled out, forward on
 * N(0, 1) matrices of 32 x 768, in alternating runs. Prints the median ratio for each norm.
 *
 * This leaves out the blocks that are combined in f64, the choice of algorithm, the split mean and the choice of precision.
 */
import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Kernels, loadSync } from "adanorm";

const ROWS = 32;
const SIZE = 768;
const ROUNDS = 61;
/** Pairs of instances, each with its own memory: the places of the matrices make a difference of a per cent or two. */
const PAIRS = 9;
const CALLS = 100;
const BOUND = 1.3;

const root = fileURLToPath(new URL("../..", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "adanorm-plain-"));

/** Compiles the kernels with blocks without end, and with the files of this folder's assembly/ instead of theirs. */
function compilePlain(): Buffer {
  cpSync(join(root, "assembly"), join(folder, "assembly"), { recursive: true });
  cpSync(join(root, "asconfig.json"), join(folder, "asconfig.json"));
  symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
  cpSync(join(root, "bench/adaptive/assembly"), join(folder, "assembly"), { recursive: true });
  const sums = join(folder, "assembly/sums.ts");
  const source = readFileSync(sums, "utf8");
  const endless = source.replace(/(const \w*BLOCK: usize) = \d+;/g, "$1 = 1 << 24;");
  if (endless === source) throw new Error("assembly/sums.ts has no constants of blocks to replace");
  writeFileSync(sums, endless);
  execFileSync(process.execPath, [join(root, "node_modules/assemblyscript/bin/asc.js"), "--target", "release"], {
    cwd: folder,
    stdio: ["ignore", "ignore", "inherit"],
  });
  return readFileSync(join(folder, "build/adanorm.wasm"));
}

function normal(length: number): Float32Array {
  return Float32Array.from({ length }, () => {
    return Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random());
  });
}

type Contenders = Record<string, () => Float32Array>;

/** The forward passes that are timed, each on its own matrices. */
function contenders(kernels: Kernels): Contenders {
  const x = kernels.matrix(normalRows, SIZE);
  const out = kernels.matrix(ROWS, SIZE);
  const gain = kernels.matrix(normalRows.slice(0, SIZE), SIZE);
  const bias = kernels.matrix(normalRows.slice(SIZE, 2 * SIZE), SIZE);
  const layerNorm = kernels.layerNorm({ size: SIZE });
  const simple = kernels.layerNormSimple({ size: SIZE });
  const ada = kernels.adaNorm({ size: SIZE });
  const rms = kernels.rmsNorm({ size: SIZE });
  return {
    layerNorm: () => layerNorm.forward(x, { gain, bias, out }).y.data,
    layerNormSimple: () => simple.forward(x, { out }).y.data,
    adaNorm: () => ada.forward(x, { out }).y.data,
    rmsNorm: () => rms.forward(x, { gain, out }).y.data,
  };
}

function time(run: () => void): number {
  const start = process.hrtime.bigint();
  for (let i = 0; i < CALLS; i++) run();
  return Number(process.hrtime.bigint() - start);
}

const quantile = (sorted: number[], q: number) => sorted[Math.floor(q * (sorted.length - 1))] as number;

const normalRows = normal(ROWS * SIZE);
/** The ratios of one pair of instances, for each norm. */
function compare(adaptive: Contenders, plain: Contenders): Record<string, number[]> {
  return Object.fromEntries(
    Object.entries(adaptive).map(([name, run]) => {
      const other = plain[name] as () => Float32Array;
      const expected = other().slice();
      const same = run().every((value, i) => Math.abs(value - (expected[i] as number)) < 1e-4);
      if (!same) throw new Error(`${name}: results differ`);
      for (let i = 0; i < 10; i++) time(run) + time(other);
      const ratios = Array.from({ length: ROUNDS }, (_, i) => {
        // They take turns to go first.
        if (i % 2) return time(run) / time(other);
        const below = time(other);
        return time(run) / below;
      });
      return [name, ratios];
    }),
  );
}

try {
  const plainModule = new WebAssembly.Module(Uint8Array.from(compilePlain()));
  console.log(
    `adaptive statistics / compiled out, forward, ${ROWS} x ${SIZE}, N(0, 1), median of ${PAIRS * ROUNDS} paired runs`,
  );
  console.log(`Node ${process.versions.node}, ${cpus()[0]?.model}`);
  const all: Record<string, number[]> = {};
  for (let pair = 0; pair < PAIRS; pair++) {
    const found = compare(contenders(loadSync()), contenders(loadSync({ module: plainModule })));
    for (const [name, ratios] of Object.entries(found)) all[name] = [...(all[name] ?? []), ...ratios];
  }
  for (const [name, ratios] of [...Object.entries(all), ["all of them", Object.values(all).flat()] as const]) {
    ratios.sort((a, b) => a - b);
    const spread = `quartiles ${quantile(ratios, 0.25).toFixed(3)} to ${quantile(ratios, 0.75).toFixed(3)}`;
    const median = quantile(ratios, 0.5);
    console.log(`${name.padEnd(16)} ${median.toFixed(3)}   (${spread})`);
    process.exitCode = median > BOUND ? 1 : 0;
  }
  console.log(`${process.exitCode ? "more" : "no more"} than the ${BOUND} that is promised, over all of them`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
