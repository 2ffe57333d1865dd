/**
 * Rows as 8-bit integers and as bits, against the reference: every length of a row, every storage, and the places where a rounding or
 * a sign is decided.
 */
import { type DType, type HostArray, loadSync, type Matrix } from "adanorm";
import * as reference from "adanorm/reference";
import { describe, expect, test } from "vitest";
import { normal, normalOf, random } from "./support.js";

const kernels = loadSync();
const DTYPES: readonly DType[] = ["f32", "f16", "bf16"];

/** Fails unless both results, of an array and of a matrix, are those of the reference. */
function check(x: Float32Array | Uint16Array, size: number, dtype: DType, scale?: number): void {
  const rows = kernels.rows(size, { dtype });
  using matrix = kernels.matrix(x as HostArray, size, dtype);
  const numbers = reference.decode(x, dtype);
  const what = `${x.length / size} x ${size} of ${dtype}, scale ${scale}`;
  const want = reference.int8(numbers, { size, scale });
  const bits = reference.bits(numbers, { size });
  for (const batch of [x as HostArray, matrix as Matrix]) {
    const got = rows.int8(batch, { scale });
    const wrong = want.values.findIndex((value, i) => got.values[i] !== value);
    if (wrong >= 0) {
      expect.fail(`${what}, element ${wrong}, ${numbers[wrong]}: got ${got.values[wrong]}, not ${want.values[wrong]}`);
    }
    expect(got.values.length, what).toBe(want.values.length);
    expect(got.scale, what).toEqual(want.scale);
    expect(rows.bits(batch), what).toEqual(bits);
  }
}

/** The f32 nearest to a number, and those next to it. */
function around(value: number): number[] {
  const floats = Float32Array.of(value, value, value);
  const words = new Int32Array(floats.buffer);
  words[0] = (words[0] as number) - 1;
  words[2] = (words[2] as number) + 1;
  return [...floats];
}

describe.each(DTYPES)("%s", (dtype) => {
  test("rows of every length up to 70, 0 to 3 of them", () => {
    for (let size = 1; size <= 70; size++) {
      for (let rows = 0; rows <= 3; rows++) {
        check(normalOf(dtype, rows * size, size + rows), size, dtype);
        check(normalOf(dtype, rows * size, size + rows), size, dtype, 0.013);
      }
    }
  });

  test("long rows, and more rows than a tile holds", () => {
    for (const [rows, size] of [
      [2, 4099],
      [1, 70001],
      [1003, 99],
      [4099, 9],
    ] as const) {
      check(normalOf(dtype, rows * size, size), size, dtype);
    }
  });

  test("the first elements of wider rows", () => {
    const [size, rowStride, rows] = [19, 23, 300];
    const x = normalOf(dtype, rows * rowStride, 1);
    const numbers = reference.decode(x, dtype);
    using matrix = kernels.matrix(x as HostArray, rowStride, dtype);
    const reduce = kernels.rows(size, { dtype });
    const compact = x.filter((_, i) => i % rowStride < size) as HostArray;
    // An array may end with its last row.
    const ending = x.subarray(0, (rows - 1) * rowStride + size) as HostArray;
    for (const batch of [x as HostArray, ending, matrix as Matrix]) {
      expect(reduce.int8(batch, { rowStride })).toEqual(reference.int8(numbers, { size, rowStride }));
      expect(reduce.bits(batch, { rowStride })).toEqual(reference.bits(numbers, { size, rowStride }));
      const narrow = new Float64Array(rows).map((_, row) =>
        Math.max(...numbers.subarray(row * rowStride, row * rowStride + size)),
      );
      expect(reduce.max(batch, { rowStride })).toEqual(narrow);
      const { mean, variance } = reduce.moments(batch, { rowStride });
      expect({ mean, variance }).toEqual(reduce.moments(compact));
      expect(reduce.mean(batch, { rowStride })).toEqual(mean);
      expect(reduce.variance(batch, { rowStride })).toEqual(variance);
    }
  });
});

test("ties go to even, and the neighbours of ties to their own side", () => {
  const middles = Array.from({ length: 128 }, (_, i) => i + 0.5);
  for (const scale of [1, 1 / 127, 0.3, 2 ** -90, 1e-38, 3e36]) {
    const row = middles.flatMap((middle) => around(middle * scale)).flatMap((value) => [value, -value]);
    check(Float32Array.from(row), row.length, "f32", scale);
  }
  const halves = Float32Array.of(0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 126.5, -126.5);
  expect([...kernels.rows(8).int8(halves, { scale: 1 }).values]).toEqual([0, 2, 2, 0, -2, -2, 126, -126]);
  // The same by a row's own scale, which is 1.
  const own = Float32Array.of(127, ...Array.from({ length: 40 }, (_, i) => i - 19.5));
  check(own, own.length, "f32");
  expect(kernels.rows(own.length).int8(own).scale).toEqual(Float64Array.of(1));
});

test("each row has its own scale, which the largest magnitude is 127 times", () => {
  const x = Float32Array.of(1, -2, 0.5, 300, 100, -50);
  const { values, scale } = kernels.rows(3).int8(x);
  expect([...values]).toEqual([64, -127, 32, 127, 42, -21]);
  expect([...scale]).toEqual([2 / 127, 300 / 127]);
});

test("a given scale serves all rows, and what is beyond it saturates at 127 and -127", () => {
  const row = [1, -1, 126.4, 127.4, 127.6, 500, -127.4, -127.6, -500, 1e6, -1e6, 3e38, -3e38];
  // Few enough for one way, and enough for the other; with and without elements that are too far out for the fast one.
  for (const part of [row, row.slice(0, 11)]) {
    const wanted = part.map((value) => Math.max(-127, Math.min(127, Math.round(value))));
    for (const size of [part.length, 3 * part.length]) {
      const x = Float32Array.from({ length: size }, (_, i) => part[i % part.length] as number);
      const { values, scale } = kernels.rows(size).int8(x, { scale: 1 });
      expect([...values]).toEqual(Array.from(x, (_, i) => wanted[i % part.length]));
      expect([...scale]).toEqual([1]);
    }
  }
});

test("scales of every magnitude, also beyond f32", () => {
  for (const size of [5, 40]) {
    for (const exponent of [-149, -140, -126, -110, -100, -90, 0, 90, 100, 120]) {
      const x = normal(2 * size, 1).map((value) => value * 2 ** exponent);
      check(x, size, "f32");
      for (const scale of [5e-324, 1e-300, 2 ** (exponent - 7), 1e300, Number.MAX_VALUE]) check(x, size, "f32", scale);
    }
  }
});

describe("special rows:", () => {
  test("zeros have scale 0, integers 0 and no bits", () => {
    for (const size of [3, 40]) {
      const x = Float32Array.from({ length: size }, (_, i) => (i % 2 ? -0 : 0));
      expect(kernels.rows(size).int8(x)).toEqual({ values: new Int8Array(size), scale: Float64Array.of(0) });
      expect(kernels.rows(size).bits(x)).toEqual(new Uint8Array(Math.ceil(size / 8)));
      check(x, size, "f32", 0.1);
    }
  });

  test.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])(
    "%d makes the row's own scale such, its integers 0, and changes no other row",
    (special) => {
      for (const size of [1, 3, 16, 40, 67]) {
        const next = random(size);
        const x = normal(3 * size, size);
        const clean = kernels.rows(size).int8(x);
        x[size + Math.floor(next() * size)] = special;
        const { values, scale } = kernels.rows(size).int8(x);
        expect(scale).toEqual(Float64Array.of(clean.scale[0] as number, Math.abs(special), clean.scale[2] as number));
        const kept = clean.values.fill(0, size, 2 * size);
        expect(values).toEqual(kept);
        check(x, size, "f32");
        // By a given scale only the element itself is special.
        check(x, size, "f32", 0.02);
      }
    },
  );

  test("NaN beside an infinity makes the scale NaN", () => {
    const x = Float32Array.of(1, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY);
    expect(kernels.rows(4).int8(x).scale).toEqual(Float64Array.of(Number.NaN));
  });

  test("a NaN of either sign gives no bit, an infinity that of its sign", () => {
    const words = Uint32Array.of(0x7fc00000, 0xffc00000, 0x7f800001, 0x7f800000, 0xff800000, 1, 0x80000001, 0x3f800000);
    const row = new Float32Array(words.buffer);
    expect([...kernels.rows(8).bits(row)]).toEqual([0b00010101]);
    expect([...kernels.rows(16).bits(Float32Array.of(...row, ...row))]).toEqual([0b00010101, 0b00010101]);
  });
});

test("bits: the first element is the highest, and each row ends with its own byte", () => {
  const x = Float32Array.from({ length: 2 * 11 }, (_, i) => (i === 0 || i === 10 || i === 12 ? 1 : -1));
  expect([...kernels.rows(11).bits(x)]).toEqual([0b10000000, 0b00100000, 0b01000000, 0]);
});

test("results are the caller's own, and the memory is as it was", () => {
  const x = normal(1000, 1);
  const { used } = kernels.memory;
  const first = kernels.rows(10).int8(x);
  const copy = { values: first.values.slice(), scale: first.scale.slice() };
  const bits = kernels.rows(10).bits(x).slice();
  kernels.rows(10).int8(normal(1000, 2));
  expect(first).toEqual(copy);
  expect(kernels.rows(10).bits(x)).toEqual(bits);
  expect(kernels.memory.used).toBe(used);
});

test("wrong options are refused by name", () => {
  const x = normal(8, 1);
  const rows = kernels.rows(4);
  expect(() => rows.int8(x, { scale: 0 })).toThrow("rows.int8: scale: expected a finite number > 0, got 0");
  expect(() => rows.int8(x, { scale: Number.POSITIVE_INFINITY })).toThrow(RangeError);
  expect(() => rows.int8(x, { scale: "1" as unknown as number })).toThrow(TypeError);
  expect(() => rows.bits(x, { scale: 1 } as object)).toThrow(
    'rows.bits: options: expected only rowStride, got "scale"',
  );
  expect(() => rows.sum(x, { rowStride: 3 })).toThrow("rows.sum: rowStride: expected an integer >= size 4, got 3");
  expect(() => rows.bits(kernels.matrix(2, 4), { rowStride: 8 })).toThrow("rows of rowStride 8");
});
