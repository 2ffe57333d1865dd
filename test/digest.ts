/**
 * A fixed corpus through every kernel, hashed: the same digest means the same bytes. It runs wherever the kernels run, so
 * it uses only the kernels and Web Crypto. It makes its numbers by integer arithmetic, sums and products, which every
 * engine rounds alike (unlike Math.sin or Math.log).
 */
import type { AdaNormOptions, DType, Kernels, Matrix, Norm, Params, RowStats, Rows } from "adanorm";

/**
 * How a batch reaches the kernels: as arrays or as matrices, either with room between the rows if wanted, or as arrays
 * split into calls of a few rows each.
 */
export type Route = "arrays" | "matrices" | "strided arrays" | "strided matrices" | { rowsInCall: number };

/**
 * For f32, `rows` covers the results of single rows (y, mean, rstd, dx, reductions), and `columns` the sums over rows.
 * `stored` and `storedColumns` cover the same for 16-bit batches and for sums with a residual, and the conversions. `bytes` covers
 * rows in fewer bits, from every storage.
 */
export interface Digests {
  rows: string;
  columns: string;
  stored: string;
  storedColumns: string;
  bytes: string;
  /** Gain and bias for each sample. */
  samples: string;
  /** Norms over groups of channels. */
  channels: string;
}

/** The elements of a batch, as the kernels take them in arrays that every engine has. */
type Elements = Float32Array | Uint16Array;

const SIZES = [1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 31, 33, 63, 64, 65, 100, 127, 255, 256, 257, 511, 1023, 4099];
const NAMES = ["layerNorm", "layerNormSimple", "detachNorm", "adaNorm", "rmsNorm", "l2Norm"] as const;

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

/** One row of each kind that the kernels treat differently. */
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
  // Enough ordinary rows for the columns to be added in blocks of rows.
  ...Array.from({ length: 12 }, () => (value: number) => value),
];

/** Rows that make every column NaN that they are summed into, at least with eps = 0. */
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

/** All combinations of the options of a norm, those that have no effect among them. */
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

  async add(array: Float32Array | Float64Array | Uint16Array | Int8Array | Uint8Array | undefined): Promise<void> {
    if (array === undefined) return;
    const copy = array.slice();
    if (copy instanceof Float32Array || copy instanceof Float64Array) {
      // If NaN were written as a number, the engine would choose its payload, so this writes the bits.
      const words = new Uint32Array(copy.buffer);
      const perElement = copy.BYTES_PER_ELEMENT / 4;
      array.forEach((value, i) => {
        if (!Number.isNaN(value)) return;
        words[i * perElement] = perElement === 1 ? 0x7fc00000 : 0;
        if (perElement === 2) words[i * 2 + 1] = 0x7ff80000;
      });
    }
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

/** The inputs of forward and backward. The residual and the gradient of the sum come together or not at all. */
interface Batches {
  x: Elements;
  dy: Elements;
  residual?: Elements;
  dSum?: Elements;
}

interface Outcome extends RowStats {
  y: Elements;
  sum?: Elements | undefined;
  dx: Elements;
  dGain?: Float32Array | undefined;
  dBias?: Float32Array | undefined;
}

function floats(value: Float32Array | Matrix | undefined): Float32Array | undefined {
  return value === undefined || ArrayBuffer.isView(value) ? value : value.toFloat32();
}

/** The value between the rows of a batch with strides, which must still be there afterwards. */
const BETWEEN = 7;

/** The elements with their rows `stride` apart; `last`, what follows the last row. */
function spread(elements: Elements, size: number, stride: number, last: number): Elements {
  const rows = elements.length / size;
  const made = new (elements.constructor as typeof Uint16Array)(rows * stride - (stride - size) + last).fill(BETWEEN);
  for (let row = 0; row < rows; row++) made.set(elements.subarray(row * size, (row + 1) * size), row * stride);
  return made;
}

/** The elements without what is between the rows. */
function gathered(elements: Elements, rows: number, size: number, stride: number): Elements {
  const made = new (elements.constructor as typeof Uint16Array)(rows * size);
  elements.forEach((value, i) => {
    const column = i % stride;
    if (column < size) made[((i - column) / stride) * size + column] = value;
    else if (value !== BETWEEN) throw new Error(`written between rows: ${value} at ${i}, rows ${stride} apart`);
  });
  return made;
}

/** The results as matrices give them. */
function runMatrices(kernels: Kernels, norm: Norm, batches: Batches, params: Params, dtype: DType): Outcome {
  const { size } = norm;
  const place = (elements: Elements) => kernels.matrix(elements, size, dtype);
  const [x, dy] = [place(batches.x), place(batches.dy)];
  const residual = batches.residual && place(batches.residual);
  const dSum = batches.dSum && place(batches.dSum);
  const forward = norm.forward<Matrix>(x, { ...params, residual }) as ReturnType<typeof norm.forward<Matrix>> & {
    sum?: Matrix;
  };
  const backward = norm.backward<Matrix>(dy, forward.sum ?? x, forward, { ...params, dSum });
  const outcome = {
    mean: forward.mean,
    rstd: forward.rstd,
    y: forward.y.toArray(),
    sum: forward.sum?.toArray(),
    dx: backward.dx.toArray(),
    dGain: floats(backward.dGain),
    dBias: floats(backward.dBias),
  };
  for (const one of [x, dy, residual, dSum, forward.y, forward.sum, backward.dx, backward.dGain, backward.dBias]) {
    if (one !== undefined && !ArrayBuffer.isView(one)) one.free();
  }
  return outcome;
}

/** The results with room between the rows, each batch another, in arrays or in matrices. */
function runStrided(
  kernels: Kernels,
  norm: Norm,
  batches: Batches,
  params: Params,
  dtype: DType,
  inMatrices: boolean,
): Outcome {
  const { size } = norm;
  const rows = batches.x.length / size;
  const made: Matrix[] = [];
  const place = (elements: Elements, stride: number): Elements | Matrix => {
    if (!inMatrices) return spread(elements, size, stride, 0);
    const matrix = kernels.matrix(spread(elements, size, stride, stride - size), stride, dtype);
    made.push(matrix);
    return matrix;
  };
  const fetch = (value: Elements | Matrix, stride: number) =>
    gathered(ArrayBuffer.isView(value) ? value : value.toArray(), rows, size, stride);
  const { x, dy, residual, dSum } = batches;
  const at = { x: size + 3, residual: size + 1, sum: size + 2, out: size + 5 };
  const back = { dy: size + 1, x: residual ? at.sum : at.x, dSum: size + 4, dx: size + 2 };
  const given = place(x, at.x);
  const sum = residual && place(x, at.sum);
  const out = place(x, at.out);
  const { mean, rstd } = norm.forward<Elements | Matrix>(given, {
    ...params,
    out,
    ...(residual && { residual: place(residual, at.residual), sum }),
    rowStride: at,
  });
  const dx = place(dy, back.dx);
  const { dGain, dBias } = norm.backward<Elements | Matrix>(
    place(dy, back.dy),
    sum ?? given,
    { mean, rstd },
    {
      ...params,
      out: { dx },
      ...(dSum && { dSum: place(dSum, back.dSum) }),
      rowStride: back,
    },
  );
  const outcome = {
    mean,
    rstd,
    y: fetch(out, at.out),
    sum: sum && fetch(sum, at.sum),
    dx: fetch(dx, back.dx),
    dGain: floats(dGain),
    dBias: floats(dBias),
  };
  fetch(given, at.x);
  for (const one of [...made, dGain, dBias]) if (one !== undefined && !ArrayBuffer.isView(one)) one.free();
  return outcome;
}

/** The results of calls of a few rows each, which overwrite the inputs of the calls. */
function runSplit(norm: Norm, { x, dy, residual, dSum }: Batches, params: Params, rowsInCall: number): Outcome {
  const { size } = norm;
  const rows = x.length / size;
  const whole = {
    y: residual ? residual.slice() : x.slice(),
    sum: residual && x.slice(),
    dx: dy.slice(),
    mean: new Float64Array(rows),
    rstd: new Float64Array(rows),
  };
  for (let row = 0; row < rows; row += rowsInCall) {
    const end = Math.min(row + rowsInCall, rows);
    const part = (batch: Elements): Elements => batch.subarray(row * size, end * size);
    const out = part(whole.y);
    const sum = whole.sum && part(whole.sum);
    const { mean, rstd } = sum
      ? norm.forward<Elements>(sum, { ...params, residual: out, sum, out })
      : norm.forward<Elements>(out, { ...params, out });
    whole.mean.set(mean, row);
    whole.rstd.set(rstd, row);
    const dx = part(whole.dx);
    const more = dSum && { dSum: part(dSum) };
    norm.backward<Elements>(dx, sum ?? part(x), { mean, rstd }, { ...params, ...more, out: { dx } });
  }
  return whole;
}

function isInMatrices(route: Route): boolean {
  return route === "matrices" || route === "strided matrices";
}

/** Forward and backward by one of the routes. */
function run(
  kernels: Kernels,
  norm: Norm,
  batches: Batches,
  params: Params,
  route: Route,
  dtype: DType = "f32",
): Outcome {
  if (route === "matrices") return runMatrices(kernels, norm, batches, params, dtype);
  if (route === "strided arrays" || route === "strided matrices") {
    return runStrided(kernels, norm, batches, params, dtype, isInMatrices(route));
  }
  if (route !== "arrays") return runSplit(norm, batches, params, route.rowsInCall);
  const { x, dy, residual, dSum } = batches;
  const forward = (
    residual ? norm.forward<Elements>(x, { ...params, residual }) : norm.forward<Elements>(x, params)
  ) as RowStats & { y: Elements; sum?: Elements };
  // Without stats, backward computes them again, to the same bytes.
  const backward = norm.backward<Elements>(dy, forward.sum ?? x, undefined, { ...params, dSum });
  return { ...forward, ...backward } as Outcome;
}

/** Rows of each kind for storages with a smaller range, some with ties between their numbers. */
function storedKinds(dtype: DType): typeof FINITE_KINDS {
  const largest = { f32: 3.4e38, f16: 65504, bf16: 3.3e38 }[dtype];
  return [
    (value) => value,
    (value) => value + 1.5,
    (value) => value * 0.25 - 64,
    (value) => value + 2 ** 10,
    (value, i) => (i === 0 ? 1e4 : value),
    (value) => value * 2 ** -12,
    (value) => value * 2 ** -21,
    (value) => value * 2 ** 10,
    (value) => (dtype === "f16" ? value : value * 2 ** 120),
    (value) => (dtype === "f16" ? value : value * 2 ** -130),
    (_, i) => (i % 2 ? largest : -largest),
    (_, i) => 257 + 2 * (i % 128),
    (_, i) => 2049 + 2 * (i % 1024),
    ...Array.from({ length: 8 }, () => (value: number) => value),
  ];
}

/** A tile holds only a few of the longest rows. */
const STORED_SIZES = [1, 3, 8, 17, 64, 100, 257, 4099];

/** As elements of a dtype, by the kernels' own conversion. */
function converted(kernels: Kernels, values: Float32Array, dtype: DType): Elements {
  const matrix = kernels.matrix(values, values.length, dtype);
  const elements = matrix.toArray();
  matrix.free();
  return elements;
}

/** Batches whose samples have gains and biases of their own, from a row each to more than a stripe of rows. */
async function addSamples(kernels: Kernels, route: Route, samples: Hash): Promise<void> {
  for (const [index, size] of [3, 17, 64, 257].entries()) {
    const kinds = Array.from({ length: 10 }, () => FINITE_KINDS).flat();
    const rows = kinds.flatMap((kind, row) => Array.from(bellShaped(size, 8000 + index * 1000 + row), kind));
    const [x, dy] = [Float32Array.from(rows), bellShaped(rows.length, 9000 + index)];
    for (const count of [2, 3, 30, 210]) {
      const gain = bellShaped(size * count, 9100 + index).map((value) => 1 + value / 8);
      const bias = bellShaped(size * count, 9200 + index);
      for (const name of ["layerNorm", "rmsNorm"] as const) {
        for (const dtype of ["f32", "bf16"] as const) {
          const batches =
            dtype === "f32" ? { x, dy } : { x: converted(kernels, x, dtype), dy: converted(kernels, dy, dtype) };
          const outcome = run(kernels, kernels[name]({ size, dtype }), batches, { gain, bias }, route, dtype);
          const { y, mean, rstd, dx, dGain, dBias } = outcome;
          for (const result of [y, mean, rstd, dx, dGain, dBias]) await samples.add(result);
        }
      }
    }
  }
}

/** Norms over groups of channels, with rows of every kind; all options, and all storages. */
async function addChannels(kernels: Kernels, route: Route, channels: Hash): Promise<void> {
  const shapes = [
    { channels: 14, groups: 7, spatial: 1 },
    { channels: 6, groups: 3, spatial: 5 },
    { channels: 7, groups: 7, spatial: 17 },
    { channels: 21, groups: 3, spatial: 64 },
    { channels: 2, groups: 1, spatial: 515 },
    { channels: 300, groups: 3, spatial: 1 },
  ];
  for (const [index, shape] of shapes.entries()) {
    const size = (shape.channels / shape.groups) * shape.spatial;
    const rows = FINITE_KINDS.flatMap((kind, row) => Array.from(bellShaped(size, 10000 + index * 100 + row), kind));
    const [x, dy] = [Float32Array.from(rows), bellShaped(rows.length, 11000 + index)];
    const gain = bellShaped(shape.channels, 11100 + index).map((value) => 1 + value / 8);
    const bias = bellShaped(shape.channels, 11200 + index);
    const all = index === 1 || index === 5 ? optionsOf("layerNorm") : [{}];
    for (const options of all) {
      for (const params of [{}, { gain }, { bias }, { gain, bias }]) {
        const { y, mean, rstd, dx, dGain, dBias } = run(
          kernels,
          kernels.groupNorm({ ...shape, ...options }),
          { x, dy },
          params,
          route,
        );
        for (const result of [y, mean, rstd, dx, dGain, dBias]) await channels.add(result);
      }
    }
    const batches = { x: converted(kernels, x, "bf16"), dy: converted(kernels, dy, "bf16") };
    const norm = kernels.groupNorm({ ...shape, dtype: "bf16" });
    const outcome = run(kernels, norm, batches, { gain, bias }, route, "bf16");
    for (const result of [outcome.y, outcome.mean, outcome.dx, outcome.dGain]) await channels.add(result);
  }
}

/** The bits of infinity. */
const INFINITY = { f16: 0x7c00, bf16: 0x7f80 };

/** Refuses NaN, because engines decide which of its bits are set. */
function checked(elements: Elements | undefined, dtype: DType): Elements | undefined {
  const isWrong =
    dtype === "f32" ? Number.isNaN : (element: number) => (element & 0x7fff) > INFINITY[dtype as "f16" | "bf16"];
  if (elements?.some(isWrong)) throw new Error(`NaN in the corpus of ${dtype}`);
  return elements;
}

/** Batches that are stored in 16 bits or have a residual. */
async function addStored(kernels: Kernels, route: Route, rows: Hash, columns: Hash, bytes: Hash): Promise<void> {
  for (const dtype of ["f16", "bf16"] as const) {
    const all = Uint16Array.from({ length: 2 ** 16 }, (_, i) => i).filter((i) => (i & 0x7fff) <= INFINITY[dtype]);
    const matrix = kernels.matrix(all, all.length, dtype);
    await rows.add(matrix.toFloat32());
    matrix.free();
  }
  for (const dtype of ["f32", "f16", "bf16"] as const) {
    for (const [index, size] of STORED_SIZES.entries()) {
      const kinds = storedKinds(dtype);
      const batch = (seed: number, kindOf = (row: number) => kinds[row] as (typeof kinds)[number]) => {
        const numbers = kinds.flatMap((_, row) =>
          Array.from(bellShaped(size, seed + row), (v, i) => kindOf(row)(v, i)),
        );
        return converted(kernels, Float32Array.from(numbers), dtype);
      };
      const plain = () => (value: number) => value;
      const seed = 5000 + index * 200;
      const [x, residual] = [batch(seed), batch(seed + 30, plain)];
      const [dy, dSum] = [batch(seed + 60, plain), batch(seed + 90, plain)];
      const gain = bellShaped(size, seed + 120).map((value) => 1 + value / 8);
      const bias = converted(kernels, bellShaped(size, seed + 121), dtype);
      await rows.add(x);
      for (const name of NAMES) {
        const affine = name === "layerNorm" || name === "rmsNorm";
        const some: Omit<AdaNormOptions, "size">[] = [{}];
        if (size === 100) some.push({ epsAt: "std", ddof: 1 }, { detachMean: true }, { detachStd: true });
        if (size === 100 && name === "adaNorm") some.push({ detachScale: false, scale: 2 });
        for (const options of some) {
          const norm = kernels[name]({ size, dtype, ...options });
          for (const params of affine ? [{}, { gain, bias }] : [{}]) {
            for (const more of dtype === "f32" ? [{ residual, dSum }] : [{}, { residual, dSum }]) {
              const outcome = run(kernels, norm, { x, dy, ...more }, params, route, dtype);
              const { y, sum, mean, rstd, dx, dGain, dBias } = outcome;
              for (const result of [y, sum, dx]) await rows.add(checked(result, dtype));
              for (const result of [mean, rstd]) await rows.add(result);
              for (const result of [dGain, dBias]) await columns.add(result);
            }
          }
        }
      }
      const reductions = kernels.rows(size, { dtype });
      const given = isInMatrices(route) ? kernels.matrix(x, size, dtype) : x;
      for (const reduce of ["mean", "l1", "sumSquare", "min", "max"] as const)
        await rows.add(reductions[reduce](given));
      await addBytes(reductions, given, bytes);
      if (!ArrayBuffer.isView(given)) given.free();
    }
  }
}

/** Rows in fewer bits. */
async function addBytes(rows: Rows, batch: Elements | Matrix, hash: Hash): Promise<void> {
  const { values, scale } = rows.int8(batch);
  for (const result of [values, scale, rows.int8(batch, { scale: 1 / 127 }).values, rows.bits(batch)]) {
    await hash.add(result);
  }
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
      // All combinations of options at one size below a vector and one above, and the defaults at all sizes.
      const chosen = size === 3 || size === 100 ? all : [{}];
      for (const options of chosen) {
        const norm = kernels[name]({ size, ...options });
        for (const params of given) {
          const { y, mean, rstd, dx } = run(kernels, norm, { x, dy }, params, route);
          for (const result of [y, mean, rstd, dx]) await rows.add(result);
          const end = FINITE_KINDS.length * size;
          const finite = { x: x.subarray(0, end), dy: dy.subarray(0, end) };
          const { dGain, dBias } = run(kernels, norm, finite, params, route);
          for (const result of [dGain, dBias]) await columns.add(result);
        }
      }
    }
  }
  const bytes = new Hash();
  for (const [index, size] of SIZES.entries()) {
    const x = corpus(size, index * 100);
    const reductions = kernels.rows(size);
    const batch = isInMatrices(route) ? kernels.matrix(x, size) : x;
    for (const reduce of ["sum", "mean", "std", "rms", "l1", "l2", "sumSquare", "min", "max"] as const) {
      await rows.add(reductions[reduce](batch));
    }
    await rows.add(reductions.variance(batch, { ddof: 1 }));
    await addBytes(reductions, batch, bytes);
    if (!ArrayBuffer.isView(batch)) batch.free();
  }
  const samples = new Hash();
  // Calls of a few rows each have other samples.
  if (typeof route === "string") await addSamples(kernels, route, samples);
  const channels = new Hash();
  if (typeof route === "string") await addChannels(kernels, route, channels);
  const stored = new Hash();
  const storedColumns = new Hash();
  await addStored(kernels, route, stored, storedColumns, bytes);
  return {
    rows: await rows.hex(),
    columns: await columns.hex(),
    stored: await stored.hex(),
    storedColumns: await storedColumns.hex(),
    bytes: await bytes.hex(),
    samples: await samples.hex(),
    channels: await channels.hex(),
  };
}
