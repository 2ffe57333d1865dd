/**
 * f16 and bf16: every pattern both ways, every rounding, and results that are those of f32 rounded once. The kernels'
 * conversions must match those of the reference, which are in plain double precision.
 */
import { type DType, type HostArray, loadSync, type Matrix, type Norm } from "adanorm";
import { decode, encode } from "adanorm/reference";
import { describe, expect, test } from "vitest";
import { encode as exactly } from "./accuracy/storage.js";
import { expectSameBytes, hasParams, makeNorm, NORMS, normal, normalOf, random } from "./support.js";

const kernels = loadSync();

type Half = "f16" | "bf16";
const HALVES: readonly Half[] = ["f16", "bf16"];

const PATTERNS = Uint16Array.from({ length: 65536 }, (_, i) => i);
/** In an order in which subnormals, zeros, infinities and NaN are among other numbers. */
const MIXED = PATTERNS.map((i) => i * 40503);

/** The kernels' conversions. */
function toHalf(values: Float32Array, dtype: Half): Uint16Array {
  using matrix = kernels.matrix(values, values.length, dtype);
  return matrix.toArray();
}
function toFloat(bits: Uint16Array, dtype: Half): Float32Array {
  using matrix = kernels.matrix(bits, bits.length, dtype);
  return matrix.toFloat32();
}

/** The same elements, NaN being equal to any NaN. */
function expectSame(got: Uint16Array, want: Uint16Array, dtype: Half, what = ""): void {
  expect(got.length, what).toBe(want.length);
  for (let i = 0; i < want.length; i++) {
    if (got[i] === want[i]) continue;
    const [ours, theirs] = [got, want].map((list) => decode(list.subarray(i, i + 1), dtype)[0]);
    if (!Number.isNaN(ours) || !Number.isNaN(theirs))
      expect.fail(`${what}: element ${i}: got ${ours}, expected ${theirs}`);
  }
}

describe.each(HALVES)("%s", (dtype) => {
  const floats = decode(PATTERNS, dtype);

  test.each([
    ["in order", PATTERNS],
    ["mixed", MIXED],
  ])("becomes f32 exactly, all 65,536 patterns of it, %s", (_, patterns) => {
    const got = toFloat(patterns, dtype);
    patterns.forEach((pattern, i) => {
      if (!Object.is(got[i], floats[pattern])) expect(got[i], `pattern ${pattern}`).toBe(floats[pattern]);
    });
  });

  test("comes back from f32 as it was, NaN as some NaN", () => {
    const got = toHalf(Float32Array.from(floats), dtype);
    expectSame(got, PATTERNS, dtype);
    expect(Array.from(floats, Number.isNaN)).toEqual(Array.from(decode(got, dtype), Number.isNaN));
  });

  test("is the nearest, ties to even: half-way between all neighbours, and beside that", () => {
    const finite = floats.filter((value) => value >= 0 && value < Infinity);
    const next = (value: number, by: number) => {
      const bits = new Uint32Array(Float32Array.of(value).buffer);
      return new Float32Array(Uint32Array.of((bits[0] as number) + by).buffer)[0] as number;
    };
    const between = Array.from(finite, (value, i) => (value + (finite[i + 1] ?? 2 * value)) / 2);
    const beside = between.flatMap((value) => [value, next(value, 1), next(value, -1)]);
    const values = Float32Array.from([...beside, ...beside.map((value) => -value)]);
    expectSame(toHalf(values, dtype), encode(values, dtype) as Uint16Array, dtype);
  });

  test("is the nearest of any f32 whatever, with NaN of any payload among them and without", () => {
    const next = random(7);
    const bits = Uint32Array.from({ length: 400_000 }, () => next() * 2 ** 32);
    bits.set([0x7f800001, 0xff800001, 0x7fffffff, 0xffffffff, 0x7f800000, 0xff800000, 0x477fefff, 0x477ff000]);
    const values = new Float32Array(bits.buffer);
    for (const some of [values, values.filter((value) => !Number.isNaN(value))]) {
      expectSame(toHalf(some, dtype), encode(some, dtype) as Uint16Array, dtype);
    }
  });

  test("is converted for every length of a row, and keeps to its own elements", () => {
    for (let cols = 1; cols <= 40; cols++) {
      const values = normal(3 * cols, cols);
      using before = kernels.matrix(1, 8, dtype);
      using matrix = kernels.matrix(values, cols, dtype);
      using after = kernels.matrix(1, 8, dtype);
      expectSame(matrix.toArray(), encode(values, dtype) as Uint16Array, dtype, `cols ${cols}`);
      expect(Array.from(matrix.toFloat32())).toEqual(Array.from(decode(matrix.data, dtype)));
      expect([...before.data, ...after.data].every((bits) => bits === 0)).toBe(true);
    }
  });
});

test.each(HALVES)("doubles next to powers of two are rounded as doubles, by the reference: %s", (dtype) => {
  const powers = Array.from({ length: 300 }, (_, i) => 2 ** (i - 150));
  const values = powers.flatMap((power) => [power * (1 - 2 ** -53), power, power * (1 + 2 ** -52)]);
  expect(encode(values, dtype)).toEqual(exactly(values, dtype));
});

test("a matrix takes what it is given as it is, or converts it", () => {
  const values = Float32Array.of(1, -2.5, 1e-7, 70000, 3.3, -0);
  const bits = encode(values, "f16") as Uint16Array;
  using f32 = kernels.matrix(values, 3);
  using f16 = kernels.matrix(bits, 3, "f16");
  using zeros = kernels.matrix(2, 3, "bf16");
  expect([f32.dtype, f16.dtype, zeros.dtype]).toEqual(["f32", "f16", "bf16"]);
  expect([f16.rows, f16.cols]).toEqual([2, 3]);
  expect(Array.from(f16.data)).toEqual(Array.from(bits));
  expect(f16.data).toBeInstanceOf(Uint16Array);
  expect(f32.toFloat32()).toEqual(values);
  expect(zeros.toFloat32()).toEqual(new Float32Array(6));
  const used = kernels.memory.used;
  using more = kernels.matrix(5, 7, "f16");
  expect(kernels.memory.used - used).toBe(more.rows * more.cols * 2);
});

/** All lengths modulo 8, below and above where kernels change their precision, and more rows than a tile has. */
const SIZES = [1, 2, 3, 4, 5, 6, 7, 8, 9, 64, 66, 67, 68, 69, 71, 73, 127, 258];
const SHAPES = [...SIZES.map((size) => ({ rows: 5, size })), { rows: 411, size: 101 }];

describe.each(HALVES)("results in %s are those of f32, rounded once", (dtype) => {
  const half = (length: number, seed: number, std = 1) => normalOf(dtype, length, seed, std) as Uint16Array;
  const floats = (bits: Uint16Array) => Float32Array.from(decode(bits, dtype));
  const bitsOf = (value: HostArray | Matrix) => ("toArray" in value ? value.toArray() : value) as Uint16Array;

  /** The results of a norm for a batch: in f32, and then as they are stored. */
  const check = (name: (typeof NORMS)[number], { rows, size }: { rows: number; size: number }, asMatrix: boolean) => {
    const [x, dy, dSum] = [half(rows * size, 1, 3), half(rows * size, 2), half(rows * size, 3)];
    const given = hasParams(name) ? { gain: half(size, 4), bias: half(size, 5) } : {};
    const params = Object.fromEntries(Object.entries(given).map(([key, bits]) => [key, floats(bits)]));
    const [exact, norm] = [makeNorm(kernels, name, { size }), makeNorm(kernels, name, { size, dtype })];
    const forward = exact.forward(floats(x), params);
    const backward = exact.backward(floats(dy), floats(x), forward, params);
    const place = (bits: Uint16Array, cols = size): HostArray | Matrix =>
      asMatrix ? kernels.matrix(bits, cols, dtype) : bits.slice();
    const what = `${name}, ${rows} x ${size}`;

    const input = place(x);
    const placed = Object.fromEntries(Object.entries(given).map(([key, bits]) => [key, place(bits)]));
    const got = norm.forward(input, placed);
    expectSame(bitsOf(got.y), encode(forward.y, dtype) as Uint16Array, dtype, `${what}: y`);
    expectSameBytes(got.mean, forward.mean, `${what}: mean`);
    expectSameBytes(got.rstd, forward.rstd, `${what}: rstd`);

    const upstream = place(dy);
    const back = norm.backward(upstream, input, got, placed);
    expectSame(bitsOf(back.dx), encode(backward.dx, dtype) as Uint16Array, dtype, `${what}: dx`);
    for (const key of ["dGain", "dBias"] as const) {
      const [ours, theirs] = [back[key], backward[key]];
      expect(ours === undefined, `${what}: ${key}`).toBe(theirs === undefined);
      if (!ours || !theirs) continue;
      const column = "toArray" in ours ? ours.toArray() : ours;
      expectSameBytes(column as Float32Array, theirs as Float32Array, `${what}: ${key}`);
    }
    // With statistics computed again, in place, with a gradient to add, and with parameters in f32.
    const onto = place(dSum);
    const again = norm.backward(upstream, input, undefined, { ...params, dSum: onto, out: { dx: onto } });
    expect(again.dx, what).toBe(onto);
    const added = floats(dSum);
    const total = Float32Array.from(backward.dx, (value, i) => value + (added[i] as number));
    expectSame(bitsOf(onto), encode(total, dtype) as Uint16Array, dtype, `${what}: dx + dSum`);
    expect(norm.forward(input, { ...params, out: input }).y).toBe(input);
    expectSame(bitsOf(input), encode(forward.y, dtype) as Uint16Array, dtype, `${what}: in place`);
    expectSame(bitsOf(upstream), dy, dtype, `${what}: dy is left alone`);
    const sums = [back.dGain, back.dBias, again.dGain, again.dBias];
    const all = [input, upstream, onto, got.y, back.dx, ...sums, ...Object.values(placed)];
    for (const value of all) if (value && "free" in value) value.free();
  };

  test.each(NORMS)("arrays: %s", (name) => {
    for (const shape of SHAPES) check(name, shape, false);
  });
  test.each(NORMS)("matrices: %s", (name) => {
    const used = kernels.memory.used;
    for (const shape of SHAPES) check(name, shape, true);
    expect(kernels.memory.used).toBe(used);
  });

  test("reductions are those of the same numbers in f32", () => {
    const size = 37;
    const bits = half(900 * size, 9, 5);
    const [rows, exact] = [kernels.rows(size, { dtype }), kernels.rows(size)];
    using matrix = kernels.matrix(bits, size, dtype);
    for (const name of ["sum", "mean", "variance", "std", "rms", "l1", "l2", "sumSquare", "min", "max"] as const) {
      const want = exact[name](floats(bits));
      expectSameBytes(rows[name](bits), want, name);
      expectSameBytes(rows[name](matrix), want, `${name} of a matrix`);
    }
  });

  test("what is too large for it becomes infinite, and a row with NaN or infinity is NaN, no other row", () => {
    const [infinity, nan] = encode([Infinity, NaN], dtype) as Uint16Array;
    const x = half(4 * 8, 1);
    x[3] = nan as number;
    x[20] = infinity as number;
    const { y } = kernels.layerNormSimple({ size: 8, dtype }).forward(x);
    const rows = Array.from({ length: 4 }, (_, row) => decode(y.subarray(row * 8, row * 8 + 8), dtype));
    expect(rows.map((row) => row.every(Number.isNaN))).toEqual([true, false, true, false]);
    expect(rows.map((row) => row.some(Number.isNaN))).toEqual([true, false, true, false]);

    const gain = Float32Array.of(3e38, 1);
    const { y: large } = kernels.layerNorm({ size: 2, dtype }).forward(encode([1, 3], dtype) as Uint16Array, {
      gain,
      bias: Float32Array.of(-3e38, 0),
    });
    expect(decode(large, dtype)[0]).toBe(-Infinity);
  });

  test("what is NaN in f32 is NaN, whichever of the arguments it comes from", () => {
    const size = 72;
    const x = half(6 * size, 1);
    const flat = x.slice().fill(x[0] as number, size * 2, size * 3);
    const [nan] = encode([NaN], dtype) as Uint16Array;
    const hole = x.with(size * 3 + 5, nan as number);
    const ones = new Float32Array(size).fill(1);
    // The NaN with all its bits set overflows when it is rounded as if it were a number.
    const bits = new Uint32Array(ones.buffer.slice(0));
    bits[7] = 0x7fffffff;
    const broken = new Float32Array(bits.buffer);
    const cases: [string, object, Uint16Array, object][] = [
      ["layerNorm", {}, x, { gain: broken }],
      ["layerNorm", {}, x, { bias: broken }],
      ["rmsNorm", {}, x, { gain: ones, bias: broken }],
      ["layerNorm", {}, flat, { gain: ones.with(3, Infinity) }],
      ["layerNorm", {}, x, { gain: ones.with(3, Infinity), bias: ones.with(3, -Infinity) }],
      ["layerNormSimple", { eps: 0 }, flat, {}],
      ["adaNorm", {}, hole, {}],
      ["adaNorm", { scale: 1e308, k: 1e308 }, flat, {}],
    ];
    for (const [name, options, values, params] of cases) {
      const [exact, norm] = [{}, { dtype }].map((more) =>
        makeNorm(kernels, name as (typeof NORMS)[number], { size, ...options, ...more }),
      ) as [Norm, Norm];
      const want = exact.forward(floats(values), params).y;
      expect(want.some(Number.isNaN), name).toBe(true);
      expectSame(norm.forward(values, params).y, encode(want, dtype) as Uint16Array, dtype, name);
    }
  });

  test("streams of arrays do not grow the linear memory, and a view of it survives growth in a call", () => {
    const instance = loadSync();
    const size = 96;
    const norm = instance.adaNorm({ size, dtype });
    const [rows, repeats] = [half(1000 * size, 1), 20];
    const x = new Uint16Array(rows.length * repeats);
    for (let i = 0; i < repeats; i++) x.set(rows, i * rows.length);
    norm.backward(x, x, norm.forward(x, { residual: x }), { dSum: x });
    const grown = instance.memory.size;
    norm.backward(x, x, norm.forward(x, { residual: x }), { dSum: x });
    expect(instance.memory.size).toBe(grown);
    expect(grown).toBeLessThan(2 ** 21);

    using matrix = instance.matrix(x.subarray(0, 4 * size), size, dtype);
    const view = matrix.data;
    const want = norm.forward(x.slice(0, 4 * size)).y;
    // A row of this length needs more scratch area than there is memory so far.
    const wide = instance.layerNormSimple({ size: 2 ** 20, dtype: dtype as DType });
    const other = instance.matrix(1, 2 ** 20, dtype);
    wide.forward(other, { out: other });
    expect(view.length).toBe(0);
    expectSame(norm.forward(matrix.data).y, want, dtype);
  });
});

describe.each(HALVES)("in %s", (dtype) => {
  test("a matrix of more than a tile is converted whole, also after the memory has grown", () => {
    const instance = loadSync();
    for (const cols of [1000, 70_001]) {
      const values = normal(40 * 1000, cols).subarray(0, cols === 1000 ? 40_000 : undefined);
      const source =
        cols === 1000 ? values : Float32Array.from({ length: 2 * cols }, (_, i) => values[i % 40_000] as number);
      using matrix = instance.matrix(source, cols, dtype);
      const want = encode(source, dtype) as Uint16Array;
      expectSameBytes(matrix.toArray() as Uint16Array, want, `${cols}`);
      const { size } = instance.memory;
      const more = instance.matrix(1, size / 4 + 1);
      expect(instance.memory.size).toBeGreaterThan(size);
      expectSameBytes(matrix.toFloat32(), Float32Array.from(decode(want, dtype)), `${cols}`);
      more.free();
    }
  });

  test("rows of every length become f32 exactly where all of their elements are subnormal, and where one is infinite", () => {
    const infinity = encode([Infinity], dtype)[0] as number;
    for (let length = 1; length <= 70; length++) {
      const subnormal = PATTERNS.slice(1, length + 1);
      const ordinary = normalOf(dtype, length, length) as Uint16Array;
      for (const bits of [subnormal, ...Array.from(ordinary, (_, i) => ordinary.with(i, infinity))]) {
        expectSameBytes(toFloat(bits, dtype), Float32Array.from(decode(bits, dtype)), `${length}`);
      }
    }
  });

  test("gain and bias may be f32, in a matrix of any shape as in an array", () => {
    const size = 6;
    const x = normalOf(dtype, 5 * size, 1) as Uint16Array;
    const [gain, bias] = [normal(size, 2), normal(size, 3)];
    const norm = kernels.layerNorm({ size, dtype });
    const want = norm.forward(x, { gain, bias });
    const back = norm.backward(x, x, want, { gain, bias });
    for (const cols of [1, 2, 3, 6]) {
      using batch = kernels.matrix(x, size, dtype);
      using g = kernels.matrix(gain, cols);
      using b = kernels.matrix(bias, cols);
      using y = norm.forward<Matrix>(batch, { gain: g, bias: b }).y;
      expectSameBytes(y.toArray() as Uint16Array, want.y as Uint16Array, `${cols} columns`);
      const got = norm.backward<Matrix>(batch, batch, want, { gain: g, bias: b });
      expectSameBytes(got.dx.toArray() as Uint16Array, back.dx as Uint16Array, `${cols} columns: dx`);
      expectSameBytes((got.dGain as Matrix).toArray() as Float32Array, back.dGain as Float32Array, "dGain");
      expectSameBytes((got.dBias as Matrix).toArray() as Float32Array, back.dBias as Float32Array, "dBias");
      for (const one of [got.dx, got.dGain, got.dBias]) (one as Matrix).free();
    }
  });
});
