/** The checks of row reductions, of rows in fewer bits, and of what matrix() and toFloat32() convert. */
import type { Kernels, Rows } from "adanorm";
import * as reference from "adanorm/reference";
import { dot, type Pair, sum } from "../accuracy/double-double.ts";
import { momentsOf, quotient } from "../accuracy/oracle.ts";
import { Random } from "../accuracy/random.ts";
import { reductionBound } from "../accuracy/reductions.ts";
import { decode, encode } from "../accuracy/storage.ts";
import type { MatrixCase, RowsCase } from "./cases.ts";
import { fail, sameBytes } from "./failure.ts";
import { Placed } from "./places.ts";
import { makeRows } from "./values.ts";

const NAMES = ["sum", "mean", "variance", "std", "rms", "l1", "l2", "sumSquare", "min", "max"] as const;

type Name = (typeof NAMES)[number];

const whole = ({ high, low }: Pair) => high + low;

/** The exact value of each reduction for a row, and the sum of magnitudes that its error is relative to. */
function wanted(row: Float32Array, ddof: number): Record<Name, [want: number, unit: number]> {
  const size = row.length;
  const magnitudes = Float64Array.from(row, Math.abs);
  const l1 = whole(sum(magnitudes));
  const squares = whole(dot(row, row));
  const { mean, squares: centred } = momentsOf(row, new Float64Array(size), new Float64Array(size));
  const variance = quotient(centred, size - ddof);
  const root = (value: number): [number, number] => [Math.sqrt(value), Math.sqrt(value)];
  return {
    sum: [whole(sum(row)), l1],
    mean: [whole(mean), l1 / size],
    variance: [variance, variance],
    std: root(variance),
    rms: root(squares / size),
    l1: [l1, l1],
    l2: root(squares),
    sumSquare: [squares, squares],
    min: [Math.min(...row), 0],
    max: [Math.max(...row), 0],
  };
}

export function checkRows(kernels: Kernels, each: RowsCase): void {
  const { size, rows, dtype, family, seed, ddof, place } = each;
  const elements = makeRows(family, rows, size, dtype, new Random(`${seed}`));
  const numbers = decode(elements, dtype);
  const reduce = kernels.rows(size, { dtype });
  const [array, matrix] = [false, true].map((is) => Placed.alone(kernels, "x", elements, size, dtype, place, is)) as [
    Placed,
    Placed,
  ];
  const rowStride = size + place.gap;
  try {
    const moments = reduce.moments(array.value, { ddof, rowStride });
    const rowsOf = Array.from({ length: rows }, (_, row) => numbers.subarray(row * size, (row + 1) * size));
    const wants = rowsOf.map((row) => wanted(row, ddof));
    for (const name of NAMES) {
      const call = (x: Placed["value"]) => {
        return name === "variance" || name === "std"
          ? reduce[name](x, { ddof, rowStride })
          : reduce[name](x, { rowStride });
      };
      const got = call(array.value);
      if (got.length !== rows) fail(`rows.${name}: ${got.length} numbers for ${rows} rows`);
      if (!sameBytes(call(matrix.value), got)) fail(`rows.${name}: a matrix gives other bytes than an array`);
      const also = { mean: moments.mean, variance: moments.variance }[name as string];
      if (also && !sameBytes(also, got)) fail(`rows.moments: another ${name} than rows.${name}`);
      for (const [row, want] of wants.entries()) {
        checkReduced(name, got[row] as number, rowsOf[row] as Float32Array, want[name], row);
      }
    }
    for (const { value } of [array, matrix]) checkBytes(each, reduce, value, numbers);
    array.backing.check();
    matrix.backing.check();
  } finally {
    array.backing.free();
    matrix.backing.free();
  }
}

function checkReduced(
  name: Name,
  got: number,
  values: Float32Array,
  [want, unit]: readonly [number, number],
  row: number,
): void {
  if (got === want || (Number.isNaN(got) && Number.isNaN(want))) return;
  // Sums of infinities are infinite or NaN, depending on the order.
  const isExtreme = name === "min" || name === "max";
  if (!isExtreme && !Number.isFinite(got) && !values.every(Number.isFinite)) return;
  const bound = reductionBound(name) * 2 ** -53 * unit;
  if (!(Math.abs(got - want) <= bound)) fail(`rows.${name}, row ${row}: got ${got}, expected ${want} within ${bound}`);
}

/** Fails unless int8 and bits are those of the reference. */
function checkBytes({ size, scale, place }: RowsCase, reduce: Rows, x: Placed["value"], numbers: Float32Array): void {
  const rowStride = size + place.gap;
  const want = reference.int8(numbers, { size, scale });
  const got = reduce.int8(x, { scale, rowStride });
  const bits = reduce.bits(x, { rowStride });
  const wanted = reference.bits(numbers, { size });
  for (const [name, one, other] of [
    ["int8: values", got.values, want.values],
    ["int8: scale", got.scale, want.scale],
    ["bits", bits, wanted],
  ] as const) {
    if (one.length !== other.length) fail(`rows.${name}: ${one.length} numbers, expected ${other.length}`);
    const at = one.findIndex((value, i) => !Object.is(value, other[i]));
    if (at >= 0) fail(`rows.${name}, number ${at}: got ${one[at]}, expected ${other[at]}`);
  }
}

/** The expected contents of a matrix of another type: the nearest number, or infinity. */
export function checkMatrix(kernels: Kernels, { size, rows, from, to, family, seed, place }: MatrixCase): void {
  const elements = makeRows(family, rows, size, from, new Random(`${seed}`));
  const source = Placed.alone(kernels, "source", elements, size, from, { ...place, gap: 0 }, false);
  const matrix = kernels.matrix(source.value as Float32Array, size, to);
  try {
    const { length } = matrix.data;
    if (matrix.rows !== rows || matrix.cols !== size || matrix.dtype !== to || length !== rows * size) {
      fail(`matrix: ${matrix.rows} x ${matrix.cols} ${matrix.dtype} of ${length} elements`);
    }
    const want = from === to ? elements : encode(decode(elements, from), to);
    const numbers = decode(want, to);
    const floats = matrix.toFloat32();
    const copy = matrix.toArray();
    if (!sameBytes(copy, matrix.data)) fail("matrix: toArray() differs from data");
    if (from === to && !sameBytes(copy, want)) fail("matrix: a copy differs from its source");
    const held = decode(copy, to);
    for (let i = 0; i < numbers.length; i++) {
      if (!Object.is(held[i], numbers[i])) fail(`matrix, element ${i}: got ${held[i]}, expected ${numbers[i]}`);
      if (!Object.is(floats[i], numbers[i])) fail(`toFloat32, element ${i}: got ${floats[i]}, expected ${numbers[i]}`);
    }
    source.backing.check();
  } finally {
    matrix.free();
    source.backing.free();
  }
}
