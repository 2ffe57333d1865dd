/**
 * Arrays pass through the scratch area in tiles: 128 KiB of rows at a time, or 4096 rows of those that kernels use where they
 * lie. Where a tile ends changes no byte, and however long a batch is, the scratch area stays small.
 */
import { type Kernels, loadSync, type Matrix } from "adanorm";
import { describe, test } from "vitest";
import { combinations, expectSameBytes, hasParams, makeNorm, normal } from "./support.js";

const KIB = 1024;
/** Floats in a tile. */
const TILE = 128 * (KIB / 4);

/** Sizes of which one row, two, three, an odd and an even number make up a tile, and one element more or less. */
const SIZES = [TILE + 1, TILE, TILE - 1, TILE / 2 + 1, TILE / 2, 10922, 1024, 1025, 993, 331, 100, 33];

/** One row less than some tiles, as many, one more; for rows that are short, as many as statistics are handed over of at a time. */
function rowsAround(size: number): number[] {
  const tile = Math.max(1, Math.floor(TILE / size));
  const held = Math.max(tile, 4096 - (4096 % tile));
  const ends = [tile, 2 * tile, ...(held * size < 2 ** 20 ? [held, 2 * held] : [])];
  return [...new Set(ends.flatMap((end) => [end - 1, end, end + 1]))].filter((rows) => rows > 0);
}

describe.each(SIZES)("rows of %i elements", (size) => {
  const kernels = loadSync();
  const most = Math.max(...rowsAround(size));
  const [x, dy] = [normal(997, 1), normal(991, 2)].map((some) =>
    Float32Array.from({ length: most * size }, (_, i) => some[i % some.length] as number),
  ) as [Float32Array, Float32Array];

  test.each(["layerNorm", "adaNorm"] as const)("%s: as many as end next to tiles are the rows of a matrix", (name) => {
    const norm = makeNorm(kernels, name, { size });
    const params = hasParams(name) ? { gain: normal(size, 3, 1), bias: normal(size, 4) } : {};
    for (const rows of rowsAround(size)) {
      const [some, upstream] = [x, dy].map((all) => all.subarray(0, rows * size)) as [Float32Array, Float32Array];
      // A row of each tile's in turn: what is asked of them all together is asked of each by itself.
      using input = kernels.matrix(some, size);
      using gradient = kernels.matrix(upstream, size);
      const want = norm.forward<Matrix<"f32">>(input, { ...params, out: input });
      using fresh = kernels.matrix(some, size);
      const wanted = norm.backward<Matrix<"f32">>(gradient, fresh, want, { ...params, out: { dx: gradient } });
      const got = norm.forward(some, params);
      const back = norm.backward(upstream, some, undefined, params);
      expectSameBytes(got.y, want.y.data, `${rows} rows: y`);
      expectSameBytes(got.mean, want.mean, `${rows} rows: mean`);
      expectSameBytes(got.rstd, want.rstd, `${rows} rows: rstd`);
      expectSameBytes(back.dx, wanted.dx.data, `${rows} rows: dx`);
      for (const column of ["dGain", "dBias"] as const) {
        const [ours, theirs] = [back[column], wanted[column]] as [Float32Array?, Matrix<"f32">?];
        if (ours && theirs) expectSameBytes(ours, theirs.data, `${rows} rows: ${column}`);
        theirs?.free();
      }
      for (const row of [0, rows - 1]) {
        const alone = norm.forward(some.slice(row * size, (row + 1) * size), params);
        expectSameBytes(alone.rstd, got.rstd.slice(row, row + 1), `${rows} rows: rstd of row ${row}`);
        expectSameBytes(alone.y, got.y.slice(row * size, (row + 1) * size), `${rows} rows: y of row ${row}`);
      }
    }
  });
});

describe("however many rows there are, some tiles are all the room that a call needs, with", () => {
  const [rows, size] = [4096, 256];
  const some = normal(997, 1);
  const source = Float32Array.from({ length: rows * size }, (_, i) => some[i % some.length] as number);

  type Place = "an array" | "a view";
  // A part of a view does not keep its matrix.
  const kept: Float32Array[] = [];
  const places: Place[] = ["an array", "a view"];

  /** Kernels with half of a batch's room, and batches: with the caller, or in linear memory, where they are used as they lie. */
  function crowded(of: (Place | undefined)[]): [Kernels, ...(Float32Array | undefined)[]] {
    const views = of.filter((place) => place === "a view").length;
    const kernels = loadSync({ maximumBytes: (views + 0.5) * source.byteLength });
    // One block: between several there would be room that is of use to none.
    const { data } = kernels.matrix(views * rows, size);
    for (let i = 0; i < views; i++) data.set(source, i * source.length);
    const starts = Array.from({ length: views }, (_, i) => i * source.length);
    const lay = (place: Place) => {
      if (place === "an array") return source.slice();
      const start = starts.shift() as number;
      return data.subarray(start, start + source.length);
    };
    kept.push(data);
    return [kernels, ...of.map((place) => place && lay(place))];
  }

  test.each(combinations({ x: places, out: places, residual: [undefined, ...places], sum: places }))(
    "x in $x, out $out, the residual $residual, the sum $sum",
    (where) => {
      const sumPlace = where.residual && where.sum;
      const [kernels, x, out, residual, sum] = crowded([where.x, where.out, where.residual, sumPlace]);
      const norm = kernels.rmsNorm({ size });
      const want = loadSync()
        .rmsNorm({ size })
        .forward(source, residual && { residual: source });
      const got = norm.forward(x as Float32Array, { ...(residual && { residual, sum }), out: out as Float32Array });
      expectSameBytes(got.y, want.y);
      expectSameBytes(got.rstd, want.rstd);
    },
  );

  test.each(["a reduction", "a matrix of 16 bits", "toFloat32"] as const)("a batch in %s", (call) => {
    const kernels = loadSync({ maximumBytes: 1.5 * source.byteLength });
    const calls = {
      "a reduction": () => kernels.rows(size).sum(source),
      "a matrix of 16 bits": () => kernels.matrix(source, size, "bf16").free(),
      toFloat32: () => half.toFloat32(),
    };
    const half = kernels.matrix(rows, size, "f16");
    calls[call]();
    half.free();
  });

  test.each(combinations({ dy: places, x: places, dx: places, dSum: [undefined, ...places] }))(
    "dy in $dy, x $x, dx $dx, dSum $dSum",
    (where) => {
      const [kernels, dy, x, dx, dSum] = crowded([where.dy, where.x, where.dx, where.dSum]);
      const options = { gain: source.slice(0, size), ...(dSum && { dSum }) };
      const batches = [dy, x, dx] as [Float32Array, Float32Array, Float32Array];
      const want = loadSync()
        .layerNorm({ size })
        .backward(source, source, undefined, { ...options, ...(dSum && { dSum: source }) });
      const got = kernels
        .layerNorm({ size })
        .backward(batches[0], batches[1], undefined, { ...options, out: { dx: batches[2] } });
      expectSameBytes(got.dx, want.dx);
      expectSameBytes(got.dGain as Float32Array, want.dGain as Float32Array);
    },
  );
});
