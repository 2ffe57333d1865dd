/** Prepared calls: the same bytes as ordinary ones, run after run; and what becomes of them when memory is freed or grows. */
import { type DType, type Forward, type Kernels, loadSync, type Matrix, type Prepared } from "adanorm";
import { beforeEach, describe, expect, test } from "vitest";
import { combinations, hasParams, makeNorm, NORMS, normal, normalOf } from "./support.js";

/** Lets a test pass what the types forbid. */
// biome-ignore lint/suspicious/noExplicitAny: that is its purpose
const any = (value?: unknown): any => value;

const size = 37;
const rows = 7;

let kernels: Kernels;

beforeEach(() => {
  kernels = loadSync();
});

const matrixOf = (seed: number, dtype: DType = "f32", count = rows): Matrix =>
  kernels.matrix(any(normalOf(dtype, count * size, seed)), size, dtype);

/** Gain or bias, of a type of its own. */
const param = (seed: number, dtype: DType = "f32"): Matrix => matrixOf(seed, dtype, 1);

const bytesOf = (matrix: unknown): unknown => any(matrix)?.toArray();

/** All results of a call, copied. */
function copyOf(result: object): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(result).map(([name, value]) => [
      name,
      value instanceof Float64Array ? value.slice() : bytesOf(value),
    ]),
  );
}

describe("a run gives the bytes of an ordinary call", () => {
  for (const name of NORMS) {
    for (const dtype of ["f32", "f16", "bf16"] as const) {
      test(`${name} of ${dtype}, forward`, () => {
        const norm = makeNorm(kernels, name, { size, dtype });
        const x = matrixOf(1, dtype);
        const choices = hasParams(name) ? ["none", "f32", dtype] : (["none"] as const);
        for (const { gain, bias, residual } of combinations({
          gain: choices,
          bias: choices,
          residual: [undefined, matrixOf(2, dtype)],
        })) {
          const params = {
            ...(gain !== "none" && { gain: param(3, gain as DType) }),
            ...(bias !== "none" && { bias: param(4, bias as DType) }),
          };
          const options = any({ ...params, ...(residual && { residual }) });
          const call = norm.prepareForward(x, options);
          expect(copyOf(call.run())).toEqual(copyOf(norm.forward(x, options)));
          call.free();
        }
      });

      test(`${name} of ${dtype}, backward`, () => {
        const norm = makeNorm(kernels, name, { size, dtype });
        const [x, dy, dSum] = [matrixOf(1, dtype), matrixOf(2, dtype), matrixOf(3, dtype)];
        const forward = norm.prepareForward(x);
        const { mean, rstd } = norm.forward(x);
        const ordinary = { mean: mean.slice(), rstd: rstd.slice() };
        forward.run();
        const choices = hasParams(name) ? [undefined, param(4)] : [undefined];
        for (const { gain, bias, sum, stats } of combinations({
          gain: choices,
          bias: choices,
          sum: [undefined, dSum],
          stats: [undefined, ordinary, forward, forward.result],
        })) {
          const options = any({ ...(gain && { gain }), ...(bias && { bias }), ...(sum && { dSum: sum }) });
          const call = norm.prepareBackward(dy, x, stats, options);
          expect(copyOf(call.run())).toEqual(copyOf(norm.backward(dy, x, ordinary, options)));
          call.free();
        }
      });
    }
  }

  test("in places that were given, x itself among them", () => {
    const norm = kernels.layerNorm({ size });
    const x = matrixOf(1);
    const want = norm.forward(x).y.toArray();
    const call = norm.prepareForward(x, { out: x });
    expect(call.run().y).toBe(x);
    expect(x.toArray()).toEqual(want);
  });

  test("in wider rows", () => {
    const norm = kernels.layerNorm({ size: 5 });
    const [x, out] = [kernels.matrix(normal(21, 1), 7), kernels.matrix(3, 7)];
    const options = { out, rowStride: 7 };
    norm.forward(x, options);
    const want = out.toArray();
    any(out.data).fill(0);
    norm.prepareForward(x, options).run();
    expect(out.toArray()).toEqual(want);
  });

  test("for a batch of no rows", () => {
    const norm = kernels.layerNorm({ size });
    const none = kernels.matrix(0, size);
    const dGain = param(3) as Matrix<"f32">;
    const forward = norm.prepareForward(none, { gain: param(1) });
    expect(forward.run().mean.length).toBe(0);
    norm.prepareBackward(none, none, forward, { gain: param(1), out: { dGain } }).run();
    expect(dGain.toArray()).toEqual(new Float32Array(size));
  });
});

test("before the first run the results are zeros, whatever the memory held", () => {
  const norm = kernels.layerNorm({ size });
  const [x, gain] = [matrixOf(1), param(2)];
  // Memory of every size that the calls take, freed again.
  for (let i = 1; i < 60; i++) kernels.matrix(new Float32Array(i * 8).fill(7), 8).free();
  const forward = norm.prepareForward(x, { residual: x });
  const backward = norm.prepareBackward(x, x, forward, { gain, bias: gain });
  for (const results of [forward.result, backward.result]) {
    for (const value of Object.values(copyOf(results))) expect(any(value).every((one: number) => one === 0)).toBe(true);
  }
});

describe("a run", () => {
  test("reads what the matrices hold at the time, and returns one and the same result", () => {
    const norm = kernels.adaNorm({ size });
    const x = matrixOf(1) as Matrix<"f32">;
    const call = norm.prepareForward(x);
    const { result } = call;
    expect(call.run()).toBe(result);
    const first = copyOf(result);
    x.data.set(normal(rows * size, 9));
    expect(call.run()).toBe(result);
    expect(copyOf(result)).toEqual(copyOf(norm.forward(x)));
    expect(copyOf(result)).not.toEqual(first);
  });

  test.each(["f32", "f16"] as const)("on the first rows of %s leaves the others as they are", (dtype) => {
    const norm = kernels.layerNorm({ size, dtype });
    const [x, out] = [matrixOf(1, dtype), matrixOf(2, dtype)];
    const whole = norm.forward(x).y.toArray();
    const before = out.toArray();
    const call = norm.prepareForward(x, { out });
    call.run(3);
    const got = out.toArray();
    expect(got.subarray(0, 3 * size)).toEqual(whole.subarray(0, 3 * size));
    expect(got.subarray(3 * size)).toEqual(before.subarray(3 * size));
    call.run(0);
    expect(out.toArray()).toEqual(got);
  });

  test.each(["f32", "f16"] as const)("of backward sums the first rows of %s alone", (dtype) => {
    const norm = kernels.layerNorm({ size, dtype });
    const [x, dy, gain] = [matrixOf(1, dtype), matrixOf(2, dtype), param(3)];
    const some = (matrix: Matrix) => kernels.matrix(any(matrix.toArray().slice(0, 3 * size)), size, dtype);
    const want = norm.backward(some(dy), some(x), undefined, { gain, bias: gain });
    const got = norm.prepareBackward(dy, x, undefined, { gain, bias: gain }).run(3);
    expect(bytesOf(got.dGain)).toEqual(bytesOf(want.dGain));
    expect(bytesOf(got.dBias)).toEqual(bytesOf(want.dBias));
    expect(got.dx.toArray().subarray(0, 3 * size)).toEqual(want.dx.toArray());
  });

  test("with accumulate adds each time", () => {
    const norm = kernels.rmsNorm({ size });
    const [x, dy, gain] = [matrixOf(1), matrixOf(2), param(3)];
    const [one, other] = [kernels.matrix(1, size), kernels.matrix(1, size)];
    const call = norm.prepareBackward(dy, x, undefined, { gain, out: { dGain: one }, accumulate: true });
    for (let i = 0; i < 3; i++) {
      call.run();
      norm.backward(dy, x, undefined, { gain, out: { dGain: other }, accumulate: true });
    }
    expect(one.toArray()).toEqual(other.toArray());
  });

  test("of backward reads the statistics of the last run of its forward", () => {
    const norm = kernels.layerNorm({ size });
    const [x, dy] = [matrixOf(1) as Matrix<"f32">, matrixOf(2)];
    const forward = norm.prepareForward(x);
    const backward = norm.prepareBackward(dy, x, forward);
    x.data.set(normal(rows * size, 5, 3));
    const { mean, rstd } = forward.run();
    expect(backward.run().dx.toArray()).toEqual(norm.backward(dy, x, { mean, rstd }).dx.toArray());
  });

  test("of backward goes by the statistics that it was given, whatever x is", () => {
    const norm = kernels.layerNorm({ size });
    const [x, dy] = [matrixOf(1) as Matrix<"f32">, matrixOf(2)];
    const given = { mean: new Float64Array(rows).fill(0.25), rstd: new Float64Array(rows).fill(0.5) };
    const want = norm.backward(dy, x, given).dx.toArray();
    expect(norm.prepareBackward(dy, x, given).run().dx.toArray()).toEqual(want);
    const forward = norm.prepareForward(x);
    const { mean, rstd } = forward.run();
    const [own, ...others] = [mean.slice(), rstd.slice()];
    const backward = norm.prepareBackward(dy, x, forward);
    x.data.set(normal(rows * size, 5, 3));
    const later = norm.backward(dy, x, { mean: own as Float64Array, rstd: others[0] as Float64Array }).dx.toArray();
    expect(backward.run().dx.toArray()).toEqual(later);
  });

  test("refuses a number of rows that there are not", () => {
    const call = kernels.layerNorm({ size }).prepareForward(matrixOf(1));
    expect(() => call.run(rows)).not.toThrow();
    for (const count of [-1, 8, 1.5, Number.NaN, "2", null, 2n]) {
      const kind = typeof count === "number" ? RangeError : TypeError;
      expect(() => call.run(any(count))).toThrow(kind);
      expect(() => call.run(any(count))).toThrow("Prepared.run: rows: expected an integer from 0 to 7, got ");
    }
  });
});

describe("after memory was freed", () => {
  test.each(["x", "gain", "bias", "residual", "sum", "out"])("a run of forward refuses: %s", (freed) => {
    const norm = kernels.layerNorm({ size });
    const given: Record<string, Matrix> = { gain: param(1), bias: param(2), residual: matrixOf(3) };
    given.sum = matrixOf(4);
    given.out = matrixOf(5);
    const x = matrixOf(6);
    const call = norm.prepareForward(x, given);
    call.run();
    (freed === "x" ? x : (given[freed] as Matrix)).free();
    const guard = kernels.matrix(normal(4000, 1), 40);
    const message = `Prepared.run: ${freed}: expected a live Matrix, got one that was freed`;
    expect(() => call.run()).toThrow(new TypeError(message));
    expect(guard.toArray()).toEqual(normal(4000, 1));
  });

  test.each(["dy", "x", "gain", "dSum", "out.dx", "out.dGain", "out.dBias"])(
    "a run of backward refuses: %s",
    (freed) => {
      const norm = kernels.layerNorm({ size });
      const given: Record<string, Matrix> = {
        dy: matrixOf(1),
        x: matrixOf(2),
        gain: param(3),
        dSum: matrixOf(4),
        "out.dx": matrixOf(5),
        "out.dGain": param(6),
        "out.dBias": param(7),
      };
      const at = (name: string) => given[name] as Matrix;
      const out = { dx: at("out.dx"), dGain: at("out.dGain"), dBias: at("out.dBias") };
      const options = { gain: at("gain"), dSum: at("dSum"), out };
      const call = norm.prepareBackward(at("dy"), at("x"), undefined, options);
      call.run();
      at(freed).free();
      const message = `Prepared.run: ${freed}: expected a live Matrix, got one that was freed`;
      expect(() => call.run()).toThrow(new TypeError(message));
    },
  );

  test.each(["y", "sum"] as const)("a run of forward refuses a result that was made for it: %s", (freed) => {
    const call = kernels.layerNorm({ size }).prepareForward(matrixOf(1), { residual: matrixOf(2) });
    call.result[freed].free();
    expect(() => call.run()).toThrow(
      new TypeError(`Prepared.run: ${freed}: expected a live Matrix, got one that was freed`),
    );
  });

  test.each(["dx", "dGain", "dBias"] as const)(
    "a run of backward refuses a result that was made for it: %s",
    (freed) => {
      const params = { gain: param(3), bias: param(4) };
      const call = kernels.layerNorm({ size }).prepareBackward(matrixOf(1), matrixOf(2), undefined, params);
      (call.result[freed] as Matrix).free();
      expect(() => call.run()).toThrow(
        new TypeError(`Prepared.run: ${freed}: expected a live Matrix, got one that was freed`),
      );
    },
  );

  test("a freed call is refused, and frees what it made but not what it was given", () => {
    const norm = kernels.layerNorm({ size });
    const [x, out] = [matrixOf(1), matrixOf(2)];
    const { used } = kernels.memory;
    const call = norm.prepareForward(x);
    const { result } = call;
    const { y } = call.run();
    call.free();
    call.free();
    expect(kernels.memory.used).toBe(used);
    expect(() => y.toArray()).toThrow("expected a live Matrix, got one that was freed");
    expect(() => call.run()).toThrow(new TypeError("Prepared.run: expected a live call, got one that was freed"));
    expect(() => result.mean).toThrow(
      new TypeError("Prepared.result.mean: expected a live call, got one that was freed"),
    );
    expect(() => result.rstd).toThrow("Prepared.result.rstd: expected a live call, got one that was freed");
    const other = norm.prepareForward(x, { out });
    other.run();
    other[Symbol.dispose]();
    expect(out.toArray()).toEqual(norm.forward(x).y.toArray());
    expect(() => other.run()).toThrow(TypeError);
  });

  test("a backward whose forward was freed is refused", () => {
    const norm = kernels.layerNorm({ size });
    const [x, dy] = [matrixOf(1), matrixOf(2)];
    const forward = norm.prepareForward(x);
    const backward = norm.prepareBackward(dy, x, forward);
    forward.free();
    expect(() => backward.run()).toThrow(
      new TypeError("Prepared.run: stats: expected a live prepared call, got one that was freed"),
    );
    expect(() => norm.prepareBackward(dy, x, forward)).toThrow(
      new TypeError("layerNorm.prepareBackward: stats: expected a live prepared call, got one that was freed"),
    );
  });
});

describe("the memory of prepared calls", () => {
  test("comes back when they are freed", () => {
    const norm = kernels.layerNorm({ size });
    const [x, gain] = [matrixOf(1, "f32", 2000), param(2)];
    let size0 = 0;
    for (let i = 0; i < 60; i++) {
      const forward = norm.prepareForward(x, { gain });
      const backward = norm.prepareBackward(x, x, forward, { gain });
      forward.run();
      backward.run();
      backward.free();
      forward.free();
      if (i === 5) size0 = kernels.memory.size;
    }
    expect(kernels.memory.size).toBe(size0);
  });

  test.each(["f32", "f16"] as const)("is theirs alone, and no more than that is written: %s", (dtype) => {
    const norm = kernels.layerNorm({ size, dtype });
    const [x, dy] = [matrixOf(1, dtype), matrixOf(2, dtype)];
    const [gain, bias, dGain, dBias] = [3, 4, 5, 6].map((seed) => param(seed)) as Matrix<"f32">[];
    const [y, dx] = [matrixOf(7, dtype), matrixOf(8, dtype)];
    const guards: Matrix[] = [];
    // What is allocated next begins where the last block ends.
    const guarded = <T>(made: T): T => {
      guards.push(kernels.matrix(new Float32Array(8).fill(guards.length + 0.5), 8));
      return made;
    };
    const calls = [
      guarded(norm.prepareForward(x, any({ out: y }))),
      guarded(norm.prepareForward(x, any({ gain, bias, out: y }))),
      guarded(norm.prepareBackward(dy, x, undefined, any({ out: { dx } }))),
      guarded(norm.prepareBackward(dy, x, undefined, any({ out: { dx, dGain } }))),
      guarded(norm.prepareBackward(dy, x, undefined, any({ gain, out: { dx, dGain, dBias } }))),
    ];
    for (let round = 0; round < 2; round++) for (const call of calls) call.run();
    for (const [i, guard] of guards.entries()) expect(guard.toArray()).toEqual(new Float32Array(8).fill(i + 0.5));
  });

  test("is not given away twice where a call was freed twice", () => {
    const norm = kernels.layerNorm({ size });
    const whole = matrixOf(1);
    const batches = [2, 3].map((seed) => matrixOf(seed, "f32", rows - 3));
    const out = matrixOf(4, "f32", rows - 3);
    const freed = norm.prepareForward(whole, { out: whole });
    // Behind it nothing is free, so that its block stays one by itself; and the others are given it, who need less.
    kernels.matrix(1, 8);
    freed.free();
    freed.free();
    freed[Symbol.dispose]();
    const calls = batches.map((x) => norm.prepareForward(x, { out }));
    const means = calls.map((call) => call.run().mean.slice());
    expect(means[0]).not.toEqual(means[1]);
    for (const [i, call] of calls.entries()) expect(call.result.mean).toEqual(means[i]);
  });

  test("comes back when they are dropped", async () => {
    const norm = kernels.layerNorm({ size });
    const x = matrixOf(1, "f32", 2000);
    const prepareMany = () => {
      for (let i = 0; i < 20; i++) norm.prepareForward(x, { out: x }).run();
    };
    const collect = async () => {
      prepareMany();
      for (let i = 0; i < 3; i++) {
        await new Promise((resolve) => setTimeout(resolve, 5));
        globalThis.gc?.();
      }
    };
    await collect();
    await collect();
    const { size: before } = kernels.memory;
    for (let i = 0; i < 5; i++) await collect();
    expect(kernels.memory.size).toBe(before);
  });

  test("is not given away while a view of the statistics is held", async () => {
    const norm = kernels.layerNorm({ size });
    const x = matrixOf(1, "f32", 500);
    const want = norm.forward(x).mean.slice();
    kernels.matrix(500, 1000).free();
    const { mean } = norm.prepareForward(x, { out: x }).run();
    for (let i = 0; i < 4; i++) {
      await new Promise((resolve) => setTimeout(resolve, 5));
      globalThis.gc?.();
    }
    // There is room for these without growth, which would detach the view.
    for (let i = 0; i < 50; i++) kernels.matrix(normal(1000, 3), 1000);
    expect(mean).toEqual(want);
  });

  test("moves with growth: results are as before, their views made anew", () => {
    const norm = kernels.layerNorm({ size });
    const [x, dy] = [matrixOf(1), matrixOf(2)];
    const forward = norm.prepareForward(x);
    const backward = norm.prepareBackward(dy, x, forward);
    const { mean } = forward.run();
    const want = mean.slice();
    const dx = backward.run().dx.toArray();
    const { size: before } = kernels.memory;
    kernels.matrix(1000, 1000);
    expect(kernels.memory.size).toBeGreaterThan(before);
    expect(mean.length).toBe(0);
    expect(forward.result.mean).toEqual(want);
    forward.run();
    expect(forward.result.mean).toEqual(want);
    expect(backward.run().dx.toArray()).toEqual(dx);
  });

  test("that is not to be had is a RangeError, and nothing is kept", () => {
    const small = loadSync({ maximumBytes: 2 * 65536 });
    const norm = small.layerNorm({ size: 1 });
    const x = small.matrix(6000, 1);
    const { used } = small.memory;
    for (let i = 0; i < 20; i++) {
      expect(() => norm.prepareForward(x)).toThrow(RangeError);
      expect(() => norm.prepareBackward(x, x)).toThrow(RangeError);
    }
    expect(small.memory.used).toBe(used);
    expect(small.matrix(6000, 1).rows).toBe(6000);
  });
});

describe("what cannot be prepared is refused", () => {
  const cases: Record<string, () => unknown> = {
    "layerNorm.prepareForward: x: expected a Matrix, which every run reads or writes, got Float32Array of 37": () =>
      kernels.layerNorm({ size }).prepareForward(any(new Float32Array(size))),
    "layerNorm.prepareForward: gain: expected a Matrix, which every run reads or writes, got Float32Array of 37": () =>
      kernels.layerNorm({ size }).prepareForward(matrixOf(1), any({ gain: new Float32Array(size) })),
    "layerNorm.prepareBackward: dy: expected a Matrix, which every run reads or writes, got null": () =>
      kernels.layerNorm({ size }).prepareBackward(any(null), matrixOf(1)),
    "layerNorm.prepareBackward: out.dGain: expected a Matrix, which every run reads or writes, got Float32Array of 37":
      () =>
        kernels
          .layerNorm({ size })
          .prepareBackward(matrixOf(1), matrixOf(2), undefined, any({ out: { dGain: new Float32Array(size) } })),
    "layerNorm.prepareForward: x: expected a Matrix, which every run reads or writes, got undefined": () =>
      kernels.layerNorm({ size }).prepareForward(any()),
    "adaNorm.prepareForward: gain: expected none, as adaNorm has no gain and no bias, got a Matrix": () =>
      kernels.adaNorm({ size }).prepareForward(matrixOf(1), any({ gain: param(1) })),
    "layerNorm.prepareForward: x: expected a Matrix itself, got a Proxy of one, as reactive frameworks make": () =>
      kernels.layerNorm({ size }).prepareForward(new Proxy(matrixOf(1), {})),
    "layerNorm.prepareBackward: stats: expected a prepared forward of these kernels, got a prepared backward": () => {
      const norm = kernels.layerNorm({ size });
      const [x, dy] = [matrixOf(1), matrixOf(2)];
      return norm.prepareBackward(dy, x, any(norm.prepareBackward(dy, x)));
    },
    "layerNorm.prepareBackward: stats: expected a prepared forward of these kernels, got one of another instance":
      () => {
        const other = loadSync();
        const forward = other.layerNorm({ size }).prepareForward(other.matrix(rows, size));
        return kernels.layerNorm({ size }).prepareBackward(matrixOf(1), matrixOf(2), forward);
      },
  };
  for (const [message, run] of Object.entries(cases)) {
    test(message, () => expect(run).toThrow(new TypeError(message)));
  }

  test("statistics of other rows than those of dy", () => {
    const norm = kernels.layerNorm({ size });
    const prepare = (forward: Prepared<Forward<Matrix>>) => () =>
      norm.prepareBackward(matrixOf(1), matrixOf(2), forward);
    expect(prepare(norm.prepareForward(matrixOf(1, "f32", 3)))).toThrow(
      new RangeError(
        "layerNorm.prepareBackward: stats: expected those of 7 rows of size 37, got those of 3 rows of size 37",
      ),
    );
    const other = kernels.layerNorm({ size: 7 }).prepareForward(kernels.matrix(7, 7));
    expect(prepare(other)).toThrow("stats: expected those of 7 rows of size 37, got those of 7 rows of size 7");
  });

  test("a method that was taken off its call, or called on a Proxy of it", () => {
    const call = kernels.layerNorm({ size }).prepareForward(matrixOf(1));
    const { run, free } = call;
    expect(() => run.call(any(undefined))).toThrow("Prepared.run: this: expected the Prepared itself, got undefined");
    expect(() => free.call(any({}))).toThrow("Prepared.free: this: expected the Prepared itself, got another object");
    const proxy: Prepared<unknown> = new Proxy(call, {});
    expect(() => proxy.run()).toThrow("Prepared.run: this: expected the Prepared itself");
    expect(() => proxy.result).toThrow("Prepared.result: this: expected the Prepared itself");
    expect(Object.prototype.toString.call(call)).toBe("[object Prepared]");
  });

  test("options whose getters free a matrix that was given", () => {
    const x = matrixOf(1);
    const options = {
      get out() {
        x.free();
        return matrixOf(2);
      },
    };
    expect(() => kernels.layerNorm({ size }).prepareForward(x, options)).toThrow("x: expected a live Matrix");
  });
});
