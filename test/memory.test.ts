/**
 * The linear memory: contents survive its growth, freed memory is used again, arrays of any length pass through a bounded
 * part of it, and running out of memory destroys nothing.
 */
import { loadSync, type Matrix } from "adanorm";
import { describe, expect, test } from "vitest";
import { expectSameBytes, hasParams, makeNorm, NORMS, normal, random } from "./support.js";

const MIB = 2 ** 20;

describe("growth", () => {
  test("detaches views, and leaves matrices and their contents as they were", () => {
    const kernels = loadSync();
    const source = normal(1000, 1);
    const matrix = kernels.matrix(source, 10);
    const old = matrix.data;
    const large = kernels.matrix(1, MIB);
    expect(old.length).toBe(0);
    for (const now of [matrix.data, matrix.toArray()]) expectSameBytes(now, source);
    expect(large.data.every((value) => value === 0)).toBe(true);
  });

  const size = 100_000;
  const norm = loadSync().layerNorm({ size });
  const given = { x: normal(size, 1), dy: normal(size, 2), gain: normal(size, 3, 1), bias: normal(size, 4) };
  const params = { gain: given.gain, bias: given.bias };
  const stats = norm.forward(given.x, params);
  const want = { y: stats.y, ...norm.backward(given.dy, given.x, stats, params) } as Record<string, Float32Array>;
  const room = { y: new Float32Array(size), dx: new Float32Array(size), dGain: new Float32Array(size) };
  const all = { ...given, ...room, mean: stats.mean, rstd: stats.rstd };

  test.each(Object.keys(all) as (keyof typeof all)[])("within a call does not lose a view that is its %s", (name) => {
    for (const direction of ["forward", "backward"]) {
      const kernels = loadSync();
      const source = all[name];
      const matrix = kernels.matrix(new Float32Array(source.byteLength / 4), 1);
      const { buffer, byteOffset } = matrix.data;
      const view = new (source.constructor as Float64ArrayConstructor)(buffer, byteOffset, source.length);
      view.set(source);
      const { x, gain, bias, dy, y, dx, dGain, mean, rstd } = Object.assign({ ...all }, { [name]: view });
      const fresh = kernels.layerNorm({ size });
      const got =
        direction === "forward"
          ? { y: fresh.forward(x, { gain, bias, out: y }).y }
          : fresh.backward(dy, x, { mean, rstd }, { gain, bias, out: { dx, dGain } });
      expect(view.length, `${direction} made the memory grow`).toBe(0);
      for (const [each, array] of Object.entries(got))
        expectSameBytes(array as Float32Array, want[each] as Float32Array, each);
      matrix.free();
    }
  });

  test("within matrix() does not lose the view that is copied", () => {
    const kernels = loadSync();
    const live = [kernels.matrix(given.x, 1)];
    const view = (live[0] as Matrix<"f32">).data;
    while (view.length > 0) live.push(kernels.matrix(view, 1));
    expect(live.length).toBeGreaterThan(1);
    for (const matrix of live) expectSameBytes(matrix.data, given.x);
  });
});

describe("matrices", () => {
  test("give all of their memory back: thousands of rounds do not grow it", () => {
    const kernels = loadSync();
    const norm = kernels.layerNorm({ size: 100 });
    const round = () => {
      const x = kernels.matrix(50, 100);
      const { y } = norm.forward(x);
      const { dx, dGain } = norm.backward(y, x, undefined, { gain: new Float32Array(100) });
      expect(kernels.memory.used).toBe(4 * (3 * 50 * 100 + 100));
      for (const matrix of [x, y, dx, dGain as Matrix<"f32">]) matrix.free();
    };
    round();
    const before = kernels.memory;
    for (let i = 0; i < 3000; i++) round();
    expect(kernels.memory).toEqual({ ...before, used: 0 });
  });

  test("keep apart and keep their contents, in whatever order they come and go", () => {
    const kernels = loadSync();
    const next = random(1);
    const live: { matrix: Matrix<"f32">; seed: number }[] = [];
    const retire = (index: number) => {
      const [one] = live.splice(index, 1) as [(typeof live)[number]];
      expectSameBytes(one.matrix.data, new Float32Array(one.matrix.rows).fill(one.seed), `matrix ${one.seed}`);
      one.matrix.free();
    };
    for (let seed = 0; seed < 4000; seed++) {
      if (next() < 0.5) {
        const matrix = kernels.matrix(Math.floor(next() ** 4 * 3000), 1);
        expect(matrix.data.every((value) => value === 0)).toBe(true);
        live.push({ matrix, seed });
        matrix.data.fill(seed);
      } else if (live.length > 0) {
        retire(Math.floor(next() * live.length));
      }
      if (seed % 50 === 0) kernels.rows(1).sum(new Float32Array(seed));
      expect(kernels.memory.used).toBe(live.reduce((bytes, { matrix }) => bytes + 4 * matrix.rows, 0));
    }
    while (live.length > 0) retire(0);
  });

  test("of 0 rows take no memory and work", () => {
    const kernels = loadSync();
    const { y, mean } = kernels.layerNorm({ size: 7 }).forward(kernels.matrix(0, 7));
    expect([y.rows, y.cols, y.data.length, mean.length, kernels.memory.used]).toEqual([0, 7, 0, 0, 0]);
  });

  test("are freed by `using`, and a second free does nothing", () => {
    const kernels = loadSync();
    const kept = (() => {
      using matrix = kernels.matrix(10, 10);
      expect(kernels.memory.used).toBe(400);
      return matrix;
    })();
    expect(kernels.memory.used).toBe(0);
    expect(() => kept.data).toThrow(TypeError);
    const other = kernels.matrix(normal(100, 1), 10);
    kept.free();
    kept[Symbol.dispose]();
    // If the block had been freed twice, this matrix would get the other's block.
    kernels.matrix(10, 10);
    expect(kernels.memory.used).toBe(800);
    expectSameBytes(other.data, normal(100, 1));
  });

  test("that were forgotten are freed when they are collected, those freed by hand not again", async () => {
    const kernels = loadSync();
    const kept = kernels.matrix(normal(100, 1), 10);
    // In a separate function, so that its frame is gone when the collector runs.
    const forget = () => {
      for (let i = 0; i < 100; i++) kernels.matrix(10, 10)[i % 2 === 0 ? "free" : "toArray"]();
    };
    forget();
    expect(kernels.memory.used).toBe(400 * 51);
    for (let round = 0; round < 300 && kernels.memory.used > 400; round++) {
      globalThis.gc?.();
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    expect(kernels.memory.used).toBe(400);
    expectSameBytes(kept.data, normal(100, 1));
  });

  test("of two instances know nothing of each other", () => {
    const [one, two] = [loadSync(), loadSync()];
    const before = two.memory;
    const matrix = one.matrix(normal(20_000, 1), 1);
    expect(two.memory).toEqual(before);
    two.matrix(1, 1000).data.fill(7);
    expectSameBytes(matrix.data, normal(20_000, 1));
    expect(one.memory.used).toBe(80_000);
  });
});

describe("the linear memory does not grow with", () => {
  test("the length of a stream: 1 GB of arrays, forward and backward", () => {
    const kernels = loadSync();
    const x = normal(65536, 1);
    const batch = Float32Array.from({ length: 4 * MIB }, (_, i) => x[i % x.length] as number);
    const out = new Float32Array(batch.length);
    const norm = kernels.layerNorm({ size: 1024 });
    for (let bytes = 0; bytes < 2 ** 30; bytes += batch.byteLength) norm.forward(batch, { out });
    expectSameBytes(out.subarray(-x.length), norm.forward(x).y);
    for (let i = 0; i < 8; i++) norm.backward(batch, batch, undefined, { out: { dx: out }, gain: x.subarray(0, 1024) });
    expect(kernels.memory.size).toBeLessThan(MIB);
  });

  test("the lengths of rows, one after the other", () => {
    const kernels = loadSync();
    for (let size = 1000; size < 500_000; size += 10_000) kernels.rows(size).sum(new Float32Array(size));
    expect(kernels.memory.size).toBeLessThan(16 * MIB);
  });

  test.each(NORMS)("a row of a million elements by more than a few times the row: %s", (name) => {
    const size = 1_000_000;
    const kernels = loadSync();
    const norm = makeNorm(kernels, name, { size });
    const x = normal(1000, 1);
    const row = Float32Array.from({ length: size }, (_, i) => x[i % x.length] as number);
    const params = hasParams(name) ? { gain: row, bias: row } : {};
    const run = () => norm.backward(row, row, norm.forward(row, params), params).dx;
    const dx = run();
    const before = kernels.memory.size;
    expect(before).toBeLessThan(64 * MIB);
    // Afterwards all of it but 4 MiB is free for matrices.
    const matrices: Matrix<"f32">[] = [];
    while (kernels.memory.size === before) matrices.push(kernels.matrix(row.subarray(0, 100_000), 1));
    expect(kernels.memory.used).toBeGreaterThan(before - 5 * MIB);
    for (let i = 0; i < 2; i++) expectSameBytes(run(), dx);
    for (const matrix of matrices) expectSameBytes(matrix.data, row.subarray(0, 100_000));
  });
});

test.each(["forward", "backward", "rows", "matrix", "toFloat32", "prepared"] as const)(
  "%s gives back the room for a row of two million elements",
  (call) => {
    const size = 2 * MIB;
    const kernels = loadSync();
    const row = new Float32Array(size);
    const norm = kernels.layerNormSimple({ size });
    const calls = {
      forward: () => norm.forward(row),
      backward: () => norm.backward(row, row),
      rows: () => kernels.rows(size).sum(row),
      matrix: () => kernels.matrix(row, size, "f16").free(),
      toFloat32: () => half.toFloat32(),
      prepared: () => stored.prepareForward(half, { out: half }).run(),
    };
    const half = kernels.matrix(1, size, "f16");
    const stored = kernels.layerNormSimple({ size, dtype: "f16" });
    calls[call]();
    const before = kernels.memory.size;
    // Whatever was in use is free, so that a matrix of that size takes no more memory.
    kernels.matrix(1, size - MIB / 8);
    expect(kernels.memory.size).toBe(before);
  },
);

describe("under maximumBytes", () => {
  test("a matrix whose elements cannot be converted for a lack of room leaves none behind", () => {
    const kernels = loadSync({ maximumBytes: MIB });
    const source = new Float32Array(300_000);
    expect(() => kernels.matrix(source, source.length, "f16")).toThrow(/^matrix: memory: expected room for/);
    expect(kernels.memory.used).toBe(0);
    kernels.matrix(source.subarray(0, 150_000), 1);
  });

  const size = 14_000;
  const rows = [normal(size, 1), normal(size, 2), normal(size, 3), normal(size, 4)];
  const gain = normal(size, 5);

  /** Kernels in a full memory with room for `holes` rows only, the matrices that fill it, and a reserve that can be freed. */
  function crowded(holes: number) {
    const kernels = loadSync({ maximumBytes: MIB + 65535 });
    const [x, dy, out, sums] = rows.map((row) => kernels.matrix(row, size)) as [Matrix, Matrix, Matrix, Matrix<"f32">];
    const reserve = Array.from({ length: 12 }, () => kernels.matrix(1, size));
    const fillers: Matrix<"f32">[] = [];
    for (const length of [4096, 256, 1]) {
      const fill = () => {
        for (let i = 0; i < 1000; i++) fillers.push(kernels.matrix(1, length));
      };
      expect(fill).toThrow(/^matrix: memory: expected room for \d+ bytes more, got none \(linear memory has 1048576 /);
    }
    for (const matrix of reserve.splice(0, holes)) matrix.free();
    return { kernels, norm: kernels.layerNorm({ size }), x, dy, out, sums, reserve, fillers };
  }

  const calls: Record<string, (on: ReturnType<typeof crowded>) => object> = {
    forward: ({ norm, x }) => norm.forward(x, { gain }),
    "forward with out": ({ norm, x, out }) => norm.forward(x, { gain, out }),
    backward: ({ norm, dy, x }) => norm.backward(dy, x, undefined, { gain }),
    "backward with out": ({ norm, dy, x, out, sums }) =>
      norm.backward(dy, x, undefined, { gain, out: { dx: out, dGain: sums }, accumulate: true }),
  };
  const contents = (result: object) =>
    Object.values(result as Record<string, Matrix<"f32"> | Float32Array | Float64Array>).map((one) => {
      const { buffer, byteOffset, byteLength } = "data" in one ? one.data : one;
      return Buffer.from(buffer, byteOffset, byteLength).toString("base64");
    });

  test.each(Object.entries(calls))("%s is done whole or not at all, whichever allocation fails", (_name, call) => {
    const want = contents(call(crowded(12)));
    const outcomes = Array.from({ length: 13 }, (_, holes) => {
      const on = crowded(holes);
      const { used } = on.kernels.memory;
      let got: object | undefined;
      try {
        got = call(on);
      } catch (error) {
        expect(error).toBeInstanceOf(RangeError);
        expect((error as Error).message).toMatch(/^layerNorm.(forward|backward): memory: expected room for/);
        expect(on.kernels.memory.used).toBe(used);
        expect(contents([on.x, on.dy, on.out, on.sums]), "all is as it was").toEqual(contents(rows));
        for (const matrix of on.reserve) matrix.free();
      }
      expect(contents(got ?? call(on))).toEqual(want);
      expect(on.fillers.every(({ data }) => data.every((value) => value === 0))).toBe(true);
      return got === undefined ? "failed" : "done";
    });
    expect([outcomes.at(0), outcomes.at(-1)]).toEqual(["failed", "done"]);
  });
});
