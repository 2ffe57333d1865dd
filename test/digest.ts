/**
 * A fixed corpus through every kernel, hashed: the same digest means the same bytes. Runs wherever the kernels do, so it
 * uses nothing but them and Web Crypto, and makes its numbers by integer arithmetic, sums and products, which every engine
 * rounds alike (unlike Math.sin or Math.log).
 */
import type { AdaNormOptions, Kernels, Matrix, Norm, Params, RowStats } from "adanorm";

/** How a batch reaches the kernels: as arrays, as matrices, or as arrays split into calls of a few rows each. */
export type Route = "arrays" | "matrices" | { rowsInCall: number };

/** `rows` covers what belongs to single rows (y, mean, rstd, dx, reductions), `columns` what sums over them. */
export interface Digests {
  rows: string;
  columns: string;
}

const SIZES = [1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 31, 33, 63, 64, 65, 100, 127, 255, 256, 257, 511, 1023, 4099];
const NAMES = ["layerNorm", "layerNormSimple", "detachNorm", "adaNorm", "rmsNorm"] as const;

/** 32 random bits at a time (xorshift). */
function bits(seed: number): () => number {
  let state = (seed * 2654435761 + 1) >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
}

/** Numbers with mean 0 and variance 1, near enough to normal: twelve evenly distributed ones, added. */
function bellShaped(length: number, seed: number): Float32Array {
  const next = bits(seed);
  return Float32Array.from({ length }, () => {
    let sum = -6;
    for (let i = 0; i < 12; i++) sum += next() / 2 ** 32;
    return sum;
  });
}

/** One row of each sort that the kernels treat apart. */
const FINITE_KINDS: ((value: number, i: number) => number)[] = [
  (value) => value,
  (value) => value + 1.5,
  (value) => value * 0.25 - 4096,
  (value) => value + 2 ** 23,
  (value, i) => (i === 0 ? 1e4 : value),
  (value) => value * 2 ** -90,
  (value) => value * 2 ** 120,
  (value) => value * 2 ** -140,
  (_, i) => (i % 2 ? 3.4e38 : -3.4e38),
  // Ordinary rows enough for the columns to be added up in blocks of rows.
  ...Array.from({ length: 12 }, () => (value: number) => value),
];

/** Rows that make NaN of every column they are summed into, with eps = 0 at the least. */
const SPECIAL_KINDS: typeof FINITE_KINDS = [
  () => 0.1,
  (_, i) => (i % 2 ? -0 : 0),
  (value, i) => (i === 1 ? Number.NaN : value),
  (value, i) => (i === 2 ? Number.POSITIVE_INFINITY : value),
];

const ROW_KINDS = [...FINITE_KINDS, ...SPECIAL_KINDS];

function corpus(size: number, seed: number): Float32Array {
  return Float32Array.from(
    ROW_KINDS.flatMap((kind, row) => Array.from(bellShaped(size, seed + row), (value, i) => kind(value, i))),
  );
}

/** Every option once, in all combinations that a norm knows. */
function optionsOf(name: (typeof NAMES)[number]): Omit<AdaNormOptions, "size">[] {
  let all: Omit<AdaNormOptions, "size">[] = [{}];
  const choose = <K extends keyof AdaNormOptions>(key: K, values: AdaNormOptions[K][]) => {
    all = all.flatMap((one) => values.map((value) => ({ ...one, [key]: value })));
  };
  choose("eps", [0, 1e-5]);
  choose("epsAt", ["variance", "std"]);
  choose("ddof", [0, 1]);
  choose("detachMean", [false, true]);
  choose("detachStd", [false, true]);
  if (name !== "adaNorm") return all;
  choose("scale", [1, 2]);
  choose("k", [0, 0.1]);
  choose("detachScale", [false, true]);
  return all;
}

/** A SHA-256 that is fed piece by piece: each piece is hashed together with the hash so far. NaN is made one NaN. */
class Hash {
  #state = new Uint8Array(32);
  #pieces: Uint8Array[] = [];
  #length = 0;

  async add(array: Float32Array | Float64Array | undefined): Promise<void> {
    if (array === undefined) return;
    const copy = array.slice();
    // Writing NaN leaves its payload to the engine: write the bits.
    const words = new Uint32Array(copy.buffer);
    const perElement = copy.BYTES_PER_ELEMENT / 4;
    array.forEach((value, i) => {
      if (!Number.isNaN(value)) return;
      words[i * perElement] = perElement === 1 ? 0x7fc00000 : 0;
      if (perElement === 2) words[i * 2 + 1] = 0x7ff80000;
    });
    this.#pieces.push(new Uint8Array(copy.buffer));
    this.#length += copy.byteLength;
    if (this.#length > 2 ** 20) await this.#flush();
  }

  async hex(): Promise<string> {
    await this.#flush();
    return Array.from(this.#state, (byte) => byte.toString(16).padStart(2, "0")).join("");
  }

  async #flush(): Promise<void> {
    const all = new Uint8Array(32 + this.#length);
    all.set(this.#state);
    let at = 32;
    for (const piece of this.#pieces) {
      all.set(piece, at);
      at += piece.length;
    }
    this.#pieces = [];
    this.#length = 0;
    this.#state = new Uint8Array(await crypto.subtle.digest("SHA-256", all));
  }
}

interface Outcome extends RowStats {
  y: Float32Array;
  dx: Float32Array;
  dGain?: Float32Array;
  dBias?: Float32Array;
}

function toArray(value: Float32Array | Matrix | undefined): Float32Array | undefined {
  return value === undefined || ArrayBuffer.isView(value) ? value : value.toFloat32();
}

/** Forward and backward by one of the routes. */
function run(
  kernels: Kernels,
  norm: Norm,
  x: Float32Array,
  dy: Float32Array,
  params: Params<Float32Array>,
  route: Route,
) {
  const { size } = norm;
  if (route === "matrices") {
    const matrices = [kernels.matrix(x, size), kernels.matrix(dy, size)] as const;
    const forward = norm.forward(matrices[0], params);
    const backward = norm.backward(matrices[1], matrices[0], forward, params);
    const all = [...matrices, forward.y, backward.dx, backward.dGain, backward.dBias];
    const [, , y, dx, dGain, dBias] = all.map(toArray);
    for (const one of all) if (one !== undefined && !ArrayBuffer.isView(one)) one.free();
    return { ...forward, y, dx, dGain, dBias } as Outcome;
  }
  if (route === "arrays") {
    const forward = norm.forward(x, params);
    // Without stats: they are found again, to the same bytes.
    return { ...forward, ...norm.backward(dy, x, undefined, params) } as Outcome;
  }
  const rows = x.length / size;
  const whole = { y: x.slice(), dx: dy.slice(), mean: new Float64Array(rows), rstd: new Float64Array(rows) };
  for (let row = 0; row < rows; row += route.rowsInCall) {
    const end = Math.min(row + route.rowsInCall, rows);
    const [from, to] = [row * size, end * size];
    const { mean, rstd } = norm.forward(whole.y.subarray(from, to), { ...params, out: whole.y.subarray(from, to) });
    whole.mean.set(mean, row);
    whole.rstd.set(rstd, row);
    const dx = whole.dx.subarray(from, to);
    norm.backward(dx, x.subarray(from, to), { mean, rstd }, { ...params, out: { dx } });
  }
  return whole as Outcome;
}

/** The digests of all results over the corpus, by one of the routes. Split into calls, `columns` means nothing. */
export async function digest(kernels: Kernels, route: Route): Promise<Digests> {
  const rows = new Hash();
  const columns = new Hash();
  for (const name of NAMES) {
    const affine = name === "layerNorm" || name === "rmsNorm";
    const all = optionsOf(name);
    for (const [index, size] of SIZES.entries()) {
      const x = corpus(size, index * 100);
      const dy = Float32Array.from(ROW_KINDS.flatMap((_, row) => Array.from(bellShaped(size, index * 100 + 50 + row))));
      const gain = bellShaped(size, index * 100 + 90).map((value) => 1 + value / 8);
      const bias = bellShaped(size, index * 100 + 91);
      const given = affine ? [{}, { gain }, { bias }, { gain, bias }] : [{}];
      // All combinations of options at a size below and one above a vector, the defaults at all.
      const chosen = size === 3 || size === 100 ? all : [{}];
      for (const options of chosen) {
        const norm = kernels[name]({ size, ...options });
        for (const params of given) {
          const { y, mean, rstd, dx } = run(kernels, norm, x, dy, params, route);
          for (const result of [y, mean, rstd, dx]) await rows.add(result);
          const end = FINITE_KINDS.length * size;
          const { dGain, dBias } = run(kernels, norm, x.subarray(0, end), dy.subarray(0, end), params, route);
          for (const result of [dGain, dBias]) await columns.add(result);
        }
      }
    }
  }
  for (const [index, size] of SIZES.entries()) {
    const x = corpus(size, index * 100);
    const reductions = kernels.rows(size);
    const batch = route === "matrices" ? kernels.matrix(x, size) : x;
    for (const reduce of ["sum", "mean", "std", "rms", "l1", "l2", "sumSquare", "min", "max"] as const) {
      await rows.add(reductions[reduce](batch));
    }
    await rows.add(reductions.variance(batch, { ddof: 1 }));
    if (!ArrayBuffer.isView(batch)) batch.free();
  }
  return { rows: await rows.hex(), columns: await columns.hex() };
}
