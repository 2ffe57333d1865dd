/**
 * Residuals and gradients of residual streams: the sum has the bits of the reference, y is the result of forward for that
 * sum, and dSum is added to dx, wherever the results go.
 */
import { type DType, type HostArray, loadSync, type Matrix } from "adanorm";
import * as reference from "adanorm/reference";
import { describe, expect, test } from "vitest";
import {
  backwardBounds,
  expectSameBytes,
  expectWithin,
  forwardBounds,
  hasParams,
  makeNorm,
  NORMS,
  normal,
  normalOf,
  ULP,
} from "./support.js";

const kernels = loadSync();
const DTYPES: readonly DType[] = ["f32", "f16", "bf16"];
const SHAPES = [
  ...[1, 2, 3, 4, 5, 6, 7, 8, 65, 67, 70, 130, 285].map((size) => ({ rows: 5, size })),
  { rows: 407, size: 101 }, // more than a tile holds
];

type Batch = HostArray | Matrix;
type Elements = Float32Array | Uint16Array;

const elements = (value: Batch) => ("toArray" in value ? value.toArray() : value) as Elements;
const release = (...values: (Batch | undefined)[]) => {
  for (const value of values) if (value && "free" in value) value.free();
};

const PLACES = ["arrays", "matrices"] as const;

describe.each(DTYPES)("%s", (dtype) => {
  describe.each(PLACES)("%s", (places) => {
    const place = (values: Elements, size: number): Batch =>
      places === "arrays" ? values.slice() : kernels.matrix(values, size, dtype);
    const make = (length: number, seed: number, std = 1) => normalOf(dtype, length, seed, std);

    test.each(NORMS)("%s", (name) => {
      const used = kernels.memory.used;
      for (const { rows, size } of SHAPES) {
        const what = `${name}, ${rows} x ${size}`;
        const [x, residual, dy, dSum] = [
          make(rows * size, 1, 3),
          make(rows * size, 2),
          make(rows * size, 3),
          make(rows * size, 4),
        ];
        const params = hasParams(name) ? { gain: normal(size, 5), bias: normal(size, 6) } : {};
        const norm = makeNorm(kernels, name, { size, dtype });
        const [xs, rs] = [x, residual].map((bits) => reference.decode(bits, dtype)) as [Float64Array, Float64Array];
        const exact = reference.forward(name, xs, { size, dtype, residual: rs, ...params });
        const sum = reference.encode(exact.sum, dtype);
        const alone = norm.forward(sum, params);

        /** One choice for the results: over an argument by its name, to a separate place, or to a new array. */
        const check = (sumTo: "x" | "residual" | "own" | undefined, yTo: "x" | "residual" | "own" | undefined) => {
          const where = `${what}, sum to ${sumTo}, y to ${yTo}`;
          const given = { x: place(x, size), residual: place(residual, size) };
          const own = () => place(make(rows * size, 9), size);
          const to = { ...given, own: undefined };
          const sumPlace = sumTo && (to[sumTo] ?? own());
          const yPlace = yTo && (to[yTo] ?? own());
          const got = norm.forward(given.x, { ...params, residual: given.residual, sum: sumPlace, out: yPlace });
          if (sumPlace) expect(got.sum, where).toBe(sumPlace);
          if (yPlace) expect(got.y, where).toBe(yPlace);
          expectSameBytes(elements(got.sum), sum as Elements, where);
          expectSameBytes(elements(got.y), alone.y as Elements, where);
          expectSameBytes(got.mean, alone.mean, where);
          expectSameBytes(got.rstd, alone.rstd, where);
          for (const key of ["x", "residual"] as const) {
            if (sumTo !== key && yTo !== key)
              expectSameBytes(elements(given[key]), { x, residual }[key] as Elements, where);
          }
          release(given.x, given.residual, got.sum, got.y);
        };
        check(undefined, undefined);
        check("x", undefined);
        check("residual", "x");
        check("x", "residual");
        check("own", "own");
        check("own", "x");

        // Backward takes the sum. It gives the same with and without the statistics, and adds dSum.
        const back = norm.backward(dy, sum, alone, params);
        const [dys, dSums] = [dy, dSum].map((bits) => reference.decode(bits, dtype)) as [Float64Array, Float64Array];
        const plain = makeNorm(kernels, name, { size });
        const unrounded = plain.backward(Float32Array.from(dys), Float32Array.from(exact.sum), alone, params);
        const total = reference.encode(
          Float32Array.from(unrounded.dx, (value, i) => value + (dSums[i] as number)),
          dtype,
        );
        for (const to of [undefined, "dSum", "dy", "sum", "own"] as const) {
          const given = { dSum: place(dSum, size), dy: place(dy, size), sum: place(sum, size) };
          const own = to === "own" ? place(make(rows * size, 9), size) : undefined;
          const dx = to === undefined ? undefined : to === "own" ? own : given[to];
          const got = norm.backward(given.dy, given.sum, to === "dy" ? undefined : alone, {
            ...params,
            dSum: given.dSum,
            out: dx ? { dx } : {},
          });
          if (dx) expect(got.dx).toBe(dx);
          expectSameBytes(elements(got.dx), total as Elements, `${what}, dx to ${to}`);
          for (const key of ["dGain", "dBias"] as const) {
            const column = got[key];
            if (column) expectSameBytes(elements(column), back[key] as Elements, what);
          }
          release(given.dSum, given.dy, given.sum, own, got.dx, got.dGain as Batch, got.dBias as Batch);
        }

        // And all of it is correct.
        if (dtype !== "f32") continue;
        const options = { size, ...params };
        const floats = Float32Array.from(exact.sum);
        expectWithin(alone.y, exact.y, forwardBounds(name, floats, options), `${what}: y`);
        const truth = reference.backward(name, dys, xs, { ...options, dtype, residual: rs, dSum: dSums });
        const { dx: bounds } = backwardBounds(name, dy as Float32Array, floats, options);
        const rounding = bounds.map((bound, i) => bound + ULP * Math.abs(truth.dx[i] as number));
        expectWithin(total, truth.dx, rounding, `${what}: dx + dSum`);
      }
      expect(kernels.memory.used).toBe(used);
    });
  });
});

test.each(NORMS)("more rows than are added up at a time: %s", (name) => {
  const [rows, size] = [3000, 200];
  const [x, residual] = [normal(rows * size, 1, 0, 3), normal(rows * size, 2)];
  const total = x.map((value, i) => value + (residual[i] as number));
  const norm = makeNorm(kernels, name, { size });
  const alone = norm.forward(total);
  for (const [sumTo, yTo] of [
    ["own", "own"],
    ["x", "residual"],
    ["residual", "x"],
  ] as const) {
    const given = { x: kernels.matrix(x, size), residual: kernels.matrix(residual, size), own: undefined };
    const got = norm.forward(given.x, { residual: given.residual, sum: given[sumTo], out: given[yTo] });
    const where = `sum to ${sumTo}, y to ${yTo}`;
    expectSameBytes(elements(got.sum), total, where);
    expectSameBytes(elements(got.y), alone.y, where);
    expectSameBytes(got.mean, alone.mean, where);
    expectSameBytes(got.rstd, alone.rstd, where);
    release(given.x, given.residual, got.sum, got.y);
  }
});

test("a batch of no rows has a sum of no rows", () => {
  const norm = kernels.rmsNorm({ size: 4 });
  const none = new Float32Array(0);
  const { y, sum } = norm.forward(none, { residual: none });
  expect([y, sum, norm.backward(none, none, undefined, { dSum: none }).dx]).toEqual([none, none, none]);
});

test("where there is no memory for the sum nothing is lost", () => {
  const small = loadSync({ maximumBytes: 2 ** 20 });
  const norm = small.layerNormSimple({ size: 64 });
  const x = small.matrix(normal(1024 * 64, 1), 64);
  const residual = small.matrix(normal(1024 * 64, 2), 64);
  const before = [x.toArray(), residual.toArray(), small.memory.used];
  expect(() => norm.forward(x, { residual })).toThrow(/^layerNormSimple.forward: memory: expected room for/);
  expect([x.toArray(), residual.toArray(), small.memory.used]).toEqual(before);
  expect(norm.forward(x, { residual, sum: residual, out: x }).sum).toBe(residual);
});
