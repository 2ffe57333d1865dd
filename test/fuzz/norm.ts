/** The check of a case of forward and backward. */
import type { Kernels, Norm } from "adanorm";
import { boundOf, magnified, ULP, ulpAt } from "../accuracy/bounds.ts";
import { isOrigin } from "../accuracy/exact.ts";
import { decode, encode, STORAGES, type Storage, spacingAt } from "../accuracy/storage.ts";
import type { NormCase } from "./cases.ts";
import { type Data, hasParams, makeData, normOf, type Plain, runPlain } from "./data.ts";
import { Exact, type Way } from "./exact.ts";
import { Failure, fail, sameBytes } from "./failure.ts";
import { runVaried } from "./routes.ts";

/** Half of the smallest f32: a smaller error makes no difference. */
const LEAST = 2 ** -150;

/** Fails if the error of a result, apart from the rounding to the storage, exceeds the bound. */
function within(
  what: string,
  at: number,
  got: number,
  want: number,
  bound: number,
  storage: Storage,
  onto?: number,
): void {
  const exact = onto === undefined ? want : want + onto;
  if (got === exact || (Number.isNaN(got) && Number.isNaN(exact))) return;
  const isFloat = storage.dtype === "f32";
  let rounding = isFloat ? LEAST : spacingAt(exact, storage) / 2 + LEAST;
  if (onto !== undefined) rounding += spacingAt(exact, STORAGES.f32) / 2;
  // Infinity represents the number that would follow the largest, and all numbers beyond.
  let value = got;
  if (Math.abs(got) === Number.POSITIVE_INFINITY) {
    const infinity = 2 ** (storage.most + 1);
    value = Math.sign(got) * (Math.sign(got) * exact > infinity ? Math.abs(exact) : infinity);
  }
  const off = Math.abs(value - exact);
  if (off <= bound + rounding) return;
  const bounds = (off - rounding) / bound;
  fail(`${what} ${at}: got ${got}, expected ${exact} within ${bound + rounding}; off by ${bounds} bounds`);
}

function isNaNs(values: Float32Array, start: number, size: number): boolean {
  for (let i = 0; i < size; i++) if (!Number.isNaN(values[start + i])) return false;
  return true;
}

function checkRow(
  each: NormCase,
  plain: Plain,
  y: Float32Array,
  dx: Float32Array,
  exact: Exact,
  row: number,
  way: Way,
): void {
  const { size, dtype, norm } = each;
  const storage = STORAGES[dtype];
  const want = exact.row(row, way);
  const onto = exact.onto(row);
  const start = row * size;
  const bias = exact.biasOf;
  const isExact = want.isConstant && exact.settings.eps > 0 && !Number.isNaN(want.variance);
  for (let i = 0; i < size; i++) {
    const bound = isExact ? 0 : (want.yBounds[i] as number);
    const wanted = isExact ? (bias ? (bias[i] as number) : 0) : (want.y[i] as number);
    within("y, element", start + i, y[start + i] as number, wanted, bound, storage);
    within("dx, element", start + i, dx[start + i] as number, want.dx[i] as number, want.dxBound, storage, onto?.[i]);
  }
  const [mean, rstd] = [plain.mean[row] as number, plain.rstd[row] as number];
  if (isOrigin(norm)) {
    if (mean !== 0) fail(`mean, row ${row}: got ${mean}, expected 0`);
  } else {
    const unit = ULP * Math.max(Math.abs(want.mean), Math.sqrt(want.variance) || 0);
    within("mean, row", row, mean, want.mean, boundOf("mean", size) * unit, STORAGES.f32);
  }
  if (rstd === want.rstd || (Number.isNaN(rstd) && Number.isNaN(want.rstd))) return;
  const squares = want.variance * (size - exact.settings.ddof);
  const unit = ulpAt(want.rstd) * (isOrigin(norm) ? 1 : magnified(want.mean, squares, size));
  const units = Math.abs(rstd - want.rstd) / unit;
  if (units <= boundOf("rstd", size)) return;
  fail(`rstd, row ${row}: got ${rstd}, expected ${want.rstd}; off by ${units} of ${boundOf("rstd", size)} units`);
}

/** Sums down the columns of what dGain and dBias are made of, and of their units. */
class Columns {
  readonly gainUnits: Float64Array;
  readonly biasUnits: Float64Array;
  isNumber = true;

  constructor(size: number) {
    this.gainUnits = new Float64Array(size);
    this.biasUnits = new Float64Array(size);
  }

  add(dy: Float32Array, z: Float64Array | undefined): void {
    const { gainUnits, biasUnits } = this;
    for (let i = 0; i < dy.length; i++) {
      const magnitude = Math.abs(dy[i] as number);
      biasUnits[i] = (biasUnits[i] as number) + magnitude;
      if (z) gainUnits[i] = (gainUnits[i] as number) + magnitude * Math.max(1, Math.abs(z[i] as number));
    }
  }

  /** @param before the numbers that the sums were added to, in `calls` calls. */
  check(exact: Exact, dGain: Float32Array, dBias: Float32Array, before?: Float32Array, calls = 1): void {
    for (let i = 0; i < dGain.length; i++) {
      for (const [name, got, sums, units, isNumber] of [
        ["dGain", dGain, exact.backward.dGain, this.gainUnits, this.isNumber],
        ["dBias", dBias, exact.backward.dBias, this.biasUnits, true],
      ] as const) {
        const unit = units[i] as number;
        const onto = before ? (before[i] as number) : 0;
        const want = isNumber ? (sums[i] as number) + onto : Number.NaN;
        const bound = boundOf(name, dGain.length) * 2 * ULP * unit;
        // Each call rounds the sums.
        const rounding = before ? calls * ULP * (Math.abs(onto) + unit) : 0;
        within(name, i, got[i] as number, want, bound + rounding, STORAGES.f32);
      }
    }
  }
}

/** Fails unless sum is x + residual, rounded once. */
function checkSum({ dtype }: NormCase, { x, residual }: Data, { sum }: Plain): void {
  if (residual === undefined) return;
  if (sum === undefined) fail("sum: there is none");
  const [a, b, got] = [decode(x, dtype), decode(residual, dtype), decode(sum, dtype)];
  const sums = Float64Array.from(a, (value, i) => value + (b[i] as number));
  const want = decode(encode(dtype === "f32" ? Float32Array.from(sums) : sums, dtype), dtype);
  for (let i = 0; i < want.length; i++) {
    if (!Object.is(got[i], want[i])) fail(`sum, element ${i}: got ${got[i]}, expected ${want[i]}`);
  }
}

/** Compares the results of the plain calls with the bounds. */
export function checkPlain(each: NormCase, data: Data, plain: Plain): { exact: Exact; columns: Columns } {
  const { size, rows, dtype } = each;
  checkSum(each, data, plain);
  const exact = new Exact(each, data, plain);
  const [y, dx] = [decode(plain.y, dtype), decode(plain.dx, dtype)];
  const columns = new Columns(size);
  for (let row = 0; row < rows; row++) {
    const x = exact.x.subarray(row * size, (row + 1) * size);
    if (!x.every(Number.isFinite)) {
      const are = isNaNs(y, row * size, size) && isNaNs(dx, row * size, size) && Number.isNaN(plain.rstd[row]);
      if (!are) fail(`row ${row} is not finite: y, dx and rstd are not all NaN`);
      columns.add(exact.upstream(row), undefined);
      columns.isNumber = false;
      continue;
    }
    try {
      checkRow(each, plain, y, dx, exact, row, "reference");
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      // If the reference is too coarse.
      checkRow(each, plain, y, dx, exact, row, "oracle");
    }
    if (hasParams(each)) columns.add(exact.upstream(row), exact.zOf(row));
  }
  const { dGain, dBias } = plain;
  if (dGain && dBias) columns.check(exact, dGain, dBias);
  return { exact, columns };
}

/** Fails unless both are the same bytes; a NaN may be any NaN. */
function same(what: string, got: Plain["y"] | Float64Array, want: typeof got, dtype: NormCase["dtype"] = "f32"): void {
  if (sameBytes(got, want)) return;
  const numbers = (elements: typeof got) => (elements instanceof Float64Array ? elements : decode(elements, dtype));
  const [one, other] = [numbers(got), numbers(want)];
  if (one.length !== other.length) fail(`${what}: ${one.length} elements, expected ${other.length}`);
  for (let i = 0; i < one.length; i++) {
    if (!Object.is(one[i], other[i])) fail(`${what}, element ${i}: got ${one[i]}, by the plain call ${other[i]}`);
  }
}

export function checkNorm(kernels: Kernels, each: NormCase): void {
  const { size, dtype, columns: how } = each;
  const data = makeData(each);
  const kept = Object.entries(data).map(([name, elements]) => [name, elements, elements?.slice()] as const);
  const norm: Norm = normOf(kernels, each);
  const plain = runPlain(norm, each, data, hasParams(each));
  for (const [name, elements, copy] of kept) {
    if (elements && copy && !sameBytes(elements, copy)) fail(`${name}: an input was written to`);
  }
  const { exact, columns } = checkPlain(each, data, plain);
  const { result, dGain, dBias } = runVaried(kernels, norm, each, data, plain);
  same("y", result.y, plain.y, dtype);
  if (plain.sum && result.sum) same("sum", result.sum, plain.sum, dtype);
  same("mean", result.mean, plain.mean);
  same("rstd", result.rstd, plain.rstd);
  same("dx", result.dx, plain.dx, dtype);
  if (!dGain || !dBias || !plain.dGain || !plain.dBias) return;
  if (how.accumulate || each.split !== undefined) {
    const before = how.accumulate ? data.before : new Float32Array(size);
    columns.check(exact, dGain, dBias, before, each.split === undefined ? 1 : 2);
  } else {
    same("dGain", dGain, plain.dGain);
    same("dBias", dBias, plain.dBias);
  }
}
