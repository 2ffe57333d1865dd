/**
 * Whatever a program does to the arrays, matrices and options that it passes, a call does the same as with honest ones,
 * or is refused. Other memory stays the same.
 */
import { type Kernels, loadSync, type Matrix } from "adanorm";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { makeNorm, NORMS, normal } from "./support.js";

/** Lets a test pass what the types forbid. */
// biome-ignore lint/suspicious/noExplicitAny: that is its purpose
const any = (value?: unknown): any => value;

/** ArrayBuffer as engines have it, which the library of types lacks. */
const Resizable = ArrayBuffer as unknown as new (bytes: number, options: { maxByteLength: number }) => ArrayBuffer;

const size = 4;
const x = normal(8, 1);
const gain = normal(size, 2, 1);

let kernels: Kernels;
let guards: Matrix<"f32">[];

/** Matrices all over the memory, which only a bug can write to. */
beforeEach(() => {
  kernels = loadSync();
  guards = Array.from({ length: 12 }, (_, i) => kernels.matrix(new Float32Array(10).fill(i + 0.5), 10));
  for (const index of [2, 5, 8]) guards[index]?.free();
});

afterEach(() => {
  const live = guards.filter((_, i) => ![2, 5, 8].includes(i));
  for (const guard of live) {
    const [first] = guard.data;
    expect([2.5, 5.5, 8.5], "a guard's own number").not.toContain(first);
    expect(guard.toArray()).toEqual(new Float32Array(10).fill(first as number));
  }
  expect(new Set(live.map(({ data }) => data[0])).size).toBe(live.length);
  // The allocator is as sound as before.
  for (let i = 0; i < 20; i++) expect(kernels.matrix(3, 7).data.every((value) => value === 0)).toBe(true);
});

const norm = () => kernels.layerNorm({ size });

describe("a batch of no rows", () => {
  // Whatever is written to a wrong place is long enough to reach a matrix, wherever that place is.
  const size = 5000;
  const gain = normal(size, 2, 1);
  const arrays = { f32: Float32Array, f16: Uint16Array, bf16: Uint16Array } as const;
  for (const dtype of ["f32", "f16", "bf16"] as const) {
    for (const isMatrix of [false, true]) {
      test(`in ${isMatrix ? "a matrix" : "an array"} of ${dtype} is normalised to none, with everything`, () => {
        const none = () => any(isMatrix ? kernels.matrix(0, size, dtype) : new arrays[dtype](0));
        for (const name of NORMS) {
          const some = makeNorm(kernels, name, { size, dtype });
          const hasParams = name === "layerNorm" || name === "rmsNorm";
          for (const params of hasParams ? [{}, { gain }, { bias: gain }, { gain, bias: gain }] : [{}]) {
            const { y, sum, mean, rstd } = some.forward(none(), { ...params, residual: none() });
            for (const batch of [y, sum]) expect(batch.length ?? batch.rows).toBe(0);
            expect([mean.length, rstd.length]).toEqual([0, 0]);
            const dGain = new Float32Array(size).fill(7);
            const out = hasParams ? { dGain } : {};
            const back = some.backward(none(), none(), { mean, rstd }, { ...params, dSum: none(), out });
            expect(back.dx.length ?? back.dx.rows).toBe(0);
            if (hasParams) expect(dGain).toEqual(new Float32Array(size));
            dGain.fill(7);
            if (hasParams) some.backward(none(), none(), undefined, { out, accumulate: true });
            expect(dGain, "added onto").toEqual(new Float32Array(size).fill(7));
          }
        }
        for (const each of ["sum", "variance", "max"] as const) {
          expect(kernels.rows(size, { dtype })[each](none())).toEqual(new Float64Array(0));
        }
        expect(kernels.matrix(new Float32Array(0), size, dtype).rows).toBe(0);
        const empty = kernels.matrix(0, size, dtype);
        expect([empty.data.length, empty.toFloat32().length]).toEqual([0, 0]);
      });
    }
  }
});

test("a batch of no rows in 16 bits, with a gain in place, changes nothing at address 0, where the allocator's own data is", () => {
  const fresh = loadSync();
  const some = fresh.layerNorm({ size, dtype: "f16" });
  const batch = fresh.matrix(0, size, "f16");
  const params = { gain: fresh.matrix(gain, size), bias: fresh.matrix(gain, size) };
  some.forward<Matrix>(fresh.matrix(1, size, "f16"), { ...params, stats: false }).y.free();
  const start = () => new Uint8Array(params.gain.data.buffer, 0, 1024).slice();
  const before = start();
  some.forward<Matrix>(batch, { ...params, out: batch });
  expect(start()).toEqual(before);
  expect(params.gain.data).toEqual(gain);
  expect(params.bias.data).toEqual(gain);
});

describe("what a program does to the objects of the package", () => {
  test.each(["rows", "cols", "dtype", "data"])("matrix.%s cannot be assigned", (property) => {
    const matrix = any(kernels.matrix(x, size));
    expect(() => {
      matrix[property] = 12;
    }).toThrow(TypeError);
  });

  test.each(["rows", "cols", "dtype"])("matrix.%s that is defined anew changes nothing", (property) => {
    const matrix = kernels.matrix(x, size);
    const want = norm().forward(x).y;
    Object.defineProperty(matrix, property, { value: property === "dtype" ? "f16" : 12 });
    expect(norm().forward(matrix, { out: matrix }).y).toBe(matrix);
    expect(matrix.toArray()).toEqual(want);
    expect(kernels.rows(size).sum(matrix).length).toBe(2);
  });

  test("norm.size cannot be assigned, nor kernels.simd", () => {
    const some = any(norm());
    expect(() => {
      some.size = 8;
    }).toThrow(TypeError);
    expect(() => {
      any(kernels).simd = "relaxed-simd";
    }).toThrow(TypeError);
    Object.defineProperty(some, "size", { value: 8 });
    expect(some.forward(x).mean.length).toBe(2);
  });
});

describe("code of the caller that runs within a call", () => {
  /** Options with a getter that does something, and gives a value. */
  const getting = (name: string, value: unknown, act: () => void, more = {}) =>
    any(
      Object.defineProperty({ ...more }, name, {
        enumerable: true,
        get() {
          act();
          return value;
        },
      }),
    );

  test.each(["gain", "bias", "residual", "sum", "out", "rowStride"])(
    "forward: a getter of %s that frees x comes before x is looked at",
    (name) => {
      const matrix = kernels.matrix(x, size);
      const call = () =>
        norm().forward(
          matrix,
          getting(name, undefined, () => matrix.free()),
        );
      expect(call).toThrow("layerNorm.forward: x: expected a live Matrix, got one that was freed");
    },
  );

  test.each(["gain", "bias", "dSum", "out", "accumulate", "rowStride"])(
    "backward: a getter of %s that frees x comes before x is looked at",
    (name) => {
      const [dy, input] = [kernels.matrix(x, size), kernels.matrix(x, size)];
      const options = getting(name, undefined, () => input.free());
      const call = () => norm().backward(dy, input, undefined, options);
      expect(call).toThrow("layerNorm.backward: x: expected a live Matrix, got one that was freed");
    },
  );

  test("backward: so do getters of the statistics, of the results and of the strides", () => {
    const statistics = new Float64Array(2);
    for (const which of ["mean", "rstd", "dx", "dGain", "dy"]) {
      const [dy, input] = [kernels.matrix(x, size), kernels.matrix(x, size)];
      const act = () => input.free();
      const isStat = which === "mean" || which === "rstd";
      const stats = isStat ? getting(which, statistics, act, which === "mean" ? { rstd: statistics } : {}) : undefined;
      const out = which === "dx" || which === "dGain" ? getting(which, undefined, act) : {};
      const rowStride = which === "dy" ? getting(which, undefined, act) : undefined;
      const call = () => norm().backward(dy, input, stats, any({ out, rowStride }));
      expect(call, which).toThrow("layerNorm.backward: x: expected a live Matrix, got one that was freed");
    }
  });

  test("each option is read once", () => {
    const reads: Record<string, number> = {};
    let objects = 0;
    const counted = (object: object) => {
      const number = objects++;
      return any(
        new Proxy(object, {
          get(target, name) {
            const key = `${number} ${String(name)}`;
            reads[key] = (reads[key] ?? 0) + 1;
            return Reflect.get(target, name);
          },
        }),
      );
    };
    const some = kernels.layerNorm(counted({ size, eps: 1e-3, ddof: 1, dtype: "f32" }));
    const out = new Float32Array(8);
    const stats = some.forward(x, counted({ gain, bias: gain, out, rowStride: counted({ x: size }) }));
    const options = counted({
      dSum: x,
      out: counted({ dx: out }),
      accumulate: false,
      rowStride: counted({ dy: size }),
    });
    some.backward(x, x, counted(stats), options);
    loadSync(counted({ maximumBytes: 2 ** 20 }));
    kernels.rows(size, counted({ dtype: "f32" })).variance(x, counted({ ddof: 1 }));
    expect(Object.keys(reads).length).toBeGreaterThan(30);
    for (const [name, count] of Object.entries(reads)) expect([name, count]).toEqual([name, 1]);
  });

  test("a getter that shrinks the buffer of x: its rows are those that are left", () => {
    const buffer = new Resizable(32, { maxByteLength: 64 });
    const view = new Float32Array(buffer);
    view.set(x);
    const { y, mean } = norm().forward(
      view,
      getting("gain", undefined, () => any(buffer).resize(16)),
    );
    expect([y.length, mean.length]).toEqual([4, 1]);
  });
});

describe("arrays that are not what they say", () => {
  const want = loadSync().layerNorm({ size }).forward(x).y;
  const lying = (property: string | symbol, value: unknown) => Object.defineProperty(x.slice(), property, { value });
  const lies: [string | symbol, unknown][] = [
    ["length", 4000],
    ["length", 0],
    ["byteOffset", 1 << 20],
    ["byteLength", 4000],
    ["buffer", new ArrayBuffer(4)],
    ["constructor", Float64Array],
    [Symbol.toStringTag, "Uint16Array"],
    ["set", () => {}],
    ["subarray", () => new Float32Array(1)],
    ["slice", () => new Float32Array(1)],
    ["fill", () => {}],
  ];
  test.each(lies)("an own %s is passed over", (property, value) => {
    const input = lying(property, value);
    const out = lying(property, value);
    expect(norm().forward(input).y).toEqual(want);
    norm().forward(input, { out });
    expect([...out]).toEqual([...want]);
    expect(kernels.rows(size).sum(input)).toEqual(kernels.rows(size).sum(x));
    expect(kernels.matrix(input, size).toArray()).toEqual(x);
    // In tiles, and in rows a stride apart.
    const long = Object.defineProperty(normal(size * 9000, 5), property, { value });
    const honest = normal(size * 9000, 5);
    expect(norm().forward(long, { rowStride: 3 * size }).y).toEqual(norm().forward(honest, { rowStride: 3 * size }).y);
    expect(norm().forward(long).y).toEqual(norm().forward(honest).y);
  });

  test("an own buffer that is the linear memory does not make an array lie there", () => {
    const matrix = kernels.matrix(x, size);
    const out = lying("buffer", matrix.data.buffer);
    norm().forward(x, { out });
    expect([...out]).toEqual([...want]);
    expect(matrix.toArray()).toEqual(x);
  });

  test("statistics are taken as they are", () => {
    const stats = norm().forward(x);
    const honest = norm().backward(x, x, stats).dx;
    for (const [property, value] of lies) {
      const mean = Object.defineProperty(stats.mean.slice(), property, { value });
      const rstd = Object.defineProperty(stats.rstd.slice(), property, { value });
      expect(norm().backward(x, x, { mean, rstd }).dx).toEqual(honest);
    }
  });

  test("a subclass with a constructor of its own: results are plain arrays, and nothing is half-written", () => {
    class Named extends Float32Array {
      constructor(name: string, length: number) {
        if (typeof name !== "string") throw new Error("expected a name");
        super(length);
      }
      static get [Symbol.species](): never {
        throw new Error("no species");
      }
    }
    const input = new Named("x", 8);
    input.set(x);
    const sum = new Float32Array(8);
    const result = norm().forward(input as Float32Array, { residual: new Float32Array(8), sum });
    expect(Object.getPrototypeOf(result.y)).toBe(Float32Array.prototype);
    expect(result.y).toEqual(want);
    expect(sum).toEqual(x);
    const { dx } = norm().backward(input as Float32Array, input as Float32Array);
    expect(Object.getPrototypeOf(dx)).toBe(Float32Array.prototype);
  });

  test("an array of another type with a forged name is refused for what it is", () => {
    const forged = Object.defineProperty(new Int32Array(8), Symbol.toStringTag, { value: "Float32Array" });
    const message = "layerNorm.forward: x: expected a Float32Array or a Matrix, got Int32Array of 8";
    expect(() => norm().forward(any(forged))).toThrow(message);
  });

  test("a view beyond the end of a buffer that has shrunk is refused, one on what is left is not", () => {
    const buffer = any(new Resizable(64, { maxByteLength: 64 }));
    const [lost, tracking] = [new Float32Array(buffer, 32, 8), new Float32Array(buffer)];
    const lostStats = new Float64Array(buffer, 32, 2);
    buffer.resize(16);
    expect(() => norm().forward(lost)).toThrow("x: expected an array with its buffer, got a detached one");
    expect(() => norm().backward(x, x, { mean: lostStats, rstd: new Float64Array(2) })).toThrow("stats.mean: expected");
    expect(() => kernels.matrix(lost, size)).toThrow("source: expected an array with its buffer");
    expect(norm().forward(tracking).mean.length).toBe(1);
    expect(norm().forward(new Float32Array(0)).mean.length).toBe(0);
  });
});

describe("a view of the linear memory", () => {
  test("is refused once its matrix was freed, and where it reaches beyond a matrix", () => {
    const matrix = kernels.matrix(x, size);
    const { buffer, byteOffset } = matrix.data;
    const outside = [
      new Float32Array(buffer, 0, size),
      new Float32Array(buffer, byteOffset, 16),
      new Float32Array(buffer, byteOffset - 16, size),
      new Float32Array(buffer, buffer.byteLength - 16, size),
    ];
    const message =
      "expected an array in the memory of one live Matrix, got one that reaches beyond it, or whose Matrix was freed";
    // Where nothing is read and nothing written, it does not matter where.
    for (const at of [0, byteOffset, buffer.byteLength]) {
      expect(norm().forward(new Float32Array(buffer, at, 0)).mean.length).toBe(0);
    }
    for (const view of outside) {
      expect(() => norm().forward(view)).toThrow(`x: ${message}`);
      expect(() => norm().forward(x.subarray(0, view.length), { out: view })).toThrow(`out: ${message}`);
      expect(() => kernels.matrix(view, 1)).toThrow(`source: ${message}`);
    }
    const [whole, part] = [matrix.data, matrix.data.subarray(4)];
    expect(norm().forward(whole, { out: whole }).y).toBe(whole);
    expect(norm().forward(part, { out: part }).y).toBe(part);
    matrix.free();
    for (const view of [whole, part]) expect(() => norm().forward(view, { out: view })).toThrow(`x: ${message}`);
  });

  test("that growth made anew keeps its matrix as the one before did", async () => {
    const collect = any(globalThis).gc as () => void;
    const large = loadSync();
    const wide = 300_000;
    const source = normal(wide, 3);
    const out = () => large.matrix(source, wide).data;
    // The scratch area for a row of this length makes the memory grow while the call runs.
    const { y } = large.layerNorm({ size: wide }).forward(source, { out: out() });
    expect(y.length, "a view made anew").toBe(wide);
    for (let i = 0; i < 5; i++) {
      collect();
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    expect(large.memory.used, "of the matrix that only y shows").toBe(wide * 4);
    expect(y.some(Number.isNaN)).toBe(false);
  });
});
