/**
 * Every row length. A row whose length is no multiple of the vectors must take nothing in from beside it and write
 * nothing beside it, wherever its arrays lie: here each array stands among sentinels, NaN of one bit pattern.
 */
import { readFileSync } from "node:fs";
import { loadSync } from "adanorm";
import * as reference from "adanorm/reference";
import { expect, test } from "vitest";
import type { Abi } from "../src/abi.js";
import { type CallFields, writeCall } from "./call.ts";
import { backwardBounds, expectWithin, forwardBounds, makeNorm, normal, ULP } from "./support.js";

/** The norms, and their parameters where they have them. */
const KINDS: readonly { title: string; name: reference.NormName; params: readonly string[] }[] = [
  { title: "layerNorm with gain and bias", name: "layerNorm", params: ["gain", "bias"] },
  { title: "layerNorm with gain", name: "layerNorm", params: ["gain"] },
  { title: "layerNorm with bias", name: "layerNorm", params: ["bias"] },
  { title: "layerNorm", name: "layerNorm", params: [] },
  { title: "layerNormSimple", name: "layerNormSimple", params: [] },
  { title: "detachNorm", name: "detachNorm", params: [] },
  { title: "adaNorm", name: "adaNorm", params: [] },
  { title: "rmsNorm with gain and bias", name: "rmsNorm", params: ["gain", "bias"] },
  { title: "l2Norm", name: "l2Norm", params: [] },
];

/** Rows that take one pass, two passes, and double precision: each path has tails of its own. */
const DATA = [
  { data: "ordinary", mean: 0, std: 1 },
  { data: "far from the origin", mean: 1000, std: 1 },
  { data: "huge", mean: 0, std: 1e25 },
];

const SIZES = Array.from({ length: 70 }, (_, i) => i + 1);
const LARGE = [
  { rows: 5, size: 127 },
  { rows: 4, size: 255 },
  { rows: 3, size: 257 },
  { rows: 5, size: 768 },
  { rows: 1, size: 1023 },
  { rows: 5, size: 4099 },
  { rows: 1, size: 70001 },
];

const SENTINEL = 0x7fc05e17;

/** Arrays side by side, sentinels between and around them. */
class Arena {
  readonly #source: () => Float32Array;
  #places = new Map<string, { start: number; length: number }>();
  #before = new Uint32Array();

  /** @param source gives the memory afresh, which may have moved since. */
  constructor(source: () => Float32Array) {
    this.#source = source;
  }

  #words(length: number): Uint32Array {
    const { buffer, byteOffset } = this.#source();
    return new Uint32Array(buffer, byteOffset, length);
  }

  /** Lays out copies of arrays, and room for results of a given length, which holds sentinels too. */
  lay(arrays: Record<string, Float32Array | number>): void {
    this.#places.clear();
    let end = 5;
    for (const [name, array] of Object.entries(arrays)) {
      const length = typeof array === "number" ? array : array.length;
      this.#places.set(name, { start: end, length });
      // An odd gap: the arrays come to lie at every offset from the 16 bytes of a vector.
      end += length + 5;
    }
    if (end > this.#source().length) expect.fail("the arena is too small");
    this.#words(end).fill(SENTINEL);
    for (const [name, array] of Object.entries(arrays)) if (typeof array !== "number") this.at(name).set(array);
    this.#before = this.#words(end).slice();
  }

  at(name: string): Float32Array {
    const { start, length } = this.#places.get(name) as { start: number; length: number };
    return this.#source().subarray(start, start + length);
  }

  /** What these results hold, once nothing else is found to have changed. */
  take(results: readonly string[], what: string): Float32Array[] {
    const taken = results.map((name) => this.at(name).slice());
    for (const name of results) {
      const { start, length } = this.#places.get(name) as { start: number; length: number };
      this.#words(start + length).fill(SENTINEL, start);
    }
    const after = this.#words(this.#before.length);
    const changed = after.findIndex((word, index) => word !== this.#before[index]);
    if (changed >= 0) expect.fail(`${what}: word ${changed} has changed beside the results`);
    return taken;
  }
}

const kernels = loadSync();
const room = 500_000;
const host = new Float32Array(room);
const resident = kernels.matrix(1, room);
const ARENAS = [
  { where: "arrays", arena: new Arena(() => host) },
  { where: "linear memory", arena: new Arena(() => resident.data) },
];

/** Forward and backward for one shape, in arrays and in linear memory, against the oracle. */
function checkShape(kind: (typeof KINDS)[number], size: number, rows: number, values: (typeof DATA)[number]): void {
  const { name, params } = kind;
  const x = normal(rows * size, size * 8 + rows, values.mean, values.std);
  const dy = normal(rows * size, size * 8 + rows + 1e6);
  const given = Object.fromEntries(params.map((param, i) => [param, normal(size, size + i, 1, 0.5)]));
  const gradients = params.map((param) => (param === "gain" ? "dGain" : "dBias"));
  const oracle = { size, ...given };
  const want = reference.forward(name, x, oracle);
  const wantBack = reference.backward(name, dy, x, oracle);
  const bound = forwardBounds(name, x, oracle);
  const boundBack = backwardBounds(name, dy, x, oracle);
  const norm = makeNorm(kernels, name, { size });

  for (const { where, arena } of ARENAS) {
    const what = `${rows} x ${size}, ${values.data}, in ${where}`;
    const placed = (names: readonly string[]) => Object.fromEntries(names.map((each) => [each, arena.at(each)]));

    arena.lay({ x, ...given, y: x.length });
    const { mean, rstd } = norm.forward(arena.at("x"), { ...placed(params), out: arena.at("y") });
    const [y] = arena.take(["y"], `forward, ${what}`) as [Float32Array];
    expectWithin(y, want.y, bound, `y, ${what}`);
    expectWithin(
      rstd,
      want.rstd,
      want.rstd.map((r) => 2 * ULP * r),
      `rstd, ${what}`,
    );

    arena.lay({ dy, x, ...given, dx: x.length, ...Object.fromEntries(gradients.map((each) => [each, size])) });
    const out = placed(["dx", ...gradients]);
    norm.backward(arena.at("dy"), arena.at("x"), { mean, rstd }, { ...placed(params), out });
    for (const [i, got] of arena.take(["dx", ...gradients], `backward, ${what}`).entries()) {
      const gradient = ["dx", ...gradients][i] as "dx" | "dGain" | "dBias";
      expectWithin(got, wantBack[gradient], boundBack[gradient], `${gradient}, ${what}`);
    }
  }
}

for (const kind of KINDS) {
  test(`${kind.title}: 0 to 5 rows of every length up to 70 keep to their own elements`, () => {
    for (const size of SIZES) {
      for (const values of DATA) for (let rows = 0; rows <= 5; rows++) checkShape(kind, size, rows, values);
    }
  });

  test(`${kind.title}: long rows of odd lengths keep to their own elements`, () => {
    for (const { rows, size } of LARGE) for (const values of DATA) checkShape(kind, size, rows, values);
  });
}

/** Bytes apart, and more than any of the arrays below takes. */
const PLACES = [4096, 8192, 12_288, 16_384, 20_480, 24_576, 28_672, 32_768] as const;

test("no row is read past its end: where the memory ends with it, that would trap", () => {
  // The module by itself, in a memory whose last bytes are not the allocator's.
  const memory = new WebAssembly.Memory({ initial: 1 });
  const binary = readFileSync(new URL("../build/adanorm.wasm", import.meta.url));
  const abi = new WebAssembly.Instance(new WebAssembly.Module(binary), { env: { memory } }).exports as unknown as Abi;
  const [xAt, dyAt, gainAt, outAt, meansAt, rstdsAt, columnsAt, callAt] = PLACES;
  const place = (array: Float32Array, at: number) => {
    new Float32Array(memory.buffer, at, array.length).set(array);
    return at;
  };
  const atTheEnd = (array: Float32Array) => place(array, memory.buffer.byteLength - array.byteLength);
  const rows = 5;
  for (const name of ["layerNorm", "adaNorm", "rmsNorm"] as const) {
    for (const { std } of DATA) {
      for (const size of SIZES) {
        const stride = size * 4;
        const call = (fields: CallFields) =>
          writeCall(memory, callAt, {
            ...{ size, eps: 1e-5, scale: 1, k: 0.1, detachScale: 1, means: meansAt, rstds: rstdsAt, xStride: stride },
            ...{ isAda: name === "adaNorm" ? 1 : 0, centred: name === "rmsNorm" ? 0 : 1, ...fields },
            detachMean: name === "rmsNorm" ? 1 : 0,
          });
        const forward = (x: number, gain: number) =>
          abi.forward(call({ x, gain, bias: gain, y: outAt, yStride: stride }), 0, rows);
        const backward = (dy: number, x: number, gain: number, columns: number) =>
          abi.backward(call({ dy, dyStride: stride, x, gain, dx: outAt, dxStride: stride, columns }), 0, rows);
        const [xs, dys, gains] = [normal(rows * size, size, 0, std), normal(rows * size, size + 1), normal(size, size)];
        const [x, dy] = [place(xs, xAt), place(dys, dyAt)];
        const gain = name === "adaNorm" ? 0 : place(gains, gainAt);
        const columns = name === "adaNorm" ? 0 : columnsAt;
        forward(atTheEnd(xs), gain);
        abi.statistics(call({ x: atTheEnd(xs) }), 0, rows);
        backward(dy, atTheEnd(xs), gain, columns);
        abi.rowMoments(atTheEnd(xs), meansAt, outAt, rows, size, 0);
        abi.rowMax(atTheEnd(xs), outAt, rows, size);
        forward(x, gain);
        backward(atTheEnd(dys), x, gain, columns);
        if (gain === 0) continue;
        forward(x, atTheEnd(gains));
        backward(dy, x, atTheEnd(gains), columns);
      }
    }
  }
});
