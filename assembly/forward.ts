/**
 * Forward: the statistics of a row, the scalars that follow from them, one pass that writes it. Rows go in pairs:
 * while those of one pair are written, the sums of the next are taken; where a residual is added, the statistics are taken with that.
 */
import { addRow, mapAndSumRow } from "./maps";
import { factorsFitSingle, forwardFactor, needsSplit, rowFitsSingle, writeRow } from "./precision";
import {
  mean,
  moments,
  momentsAtOrigin,
  momentsAtOriginOfSums,
  momentsOfSums,
  reciprocalStd,
  SHORT,
  squares,
} from "./statistics";

/** Rows that are written at a time, and whose statistics are known before. */
const PAIR: i32 = 2;
/**
 * Bytes of the rows that a residual is added to at a time: few enough to find their sums in a cache, and as many as that
 * allows, since to turn from one pass to the other costs what was being fetched ahead.
 */
const BLOCK: usize = 1 << 20;

/**
 * z = T(x - mean) for every row, with the row's scalars a = scale r and b = scale k r^2; z may be x.
 * With a residual (0 where there is none), sum = x + residual, and the same of sum; it may be x or the residual, as z may.
 * Rows start as many bytes apart as their strides say. Mean and r = 1 / sigma go to `means` and `rstds`, one f64 each.
 * Returns whether z is known to hold no NaN, provided gain and bias are finite: single precision served every row. With a
 * residual it is not known.
 */
export function forward<T>(
  x: usize,
  xStride: usize,
  residual: usize,
  residualStride: usize,
  sum: usize,
  sumStride: usize,
  gain: usize,
  bias: usize,
  z: usize,
  zStride: usize,
  means: usize,
  rstds: usize,
  rows: i32,
  size: i32,
  centred: bool,
  eps: f64,
  epsAtStd: bool,
  ddof: i32,
  scale: f64,
  k: f64,
): bool {
  const factorsFit = factorsFitSingle(scale, k);
  if (residual) {
    forwardOfSum<T>(
      x,
      xStride,
      residual,
      residualStride,
      sum,
      sumStride,
      gain,
      bias,
      z,
      zStride,
      means,
      rstds,
      rows,
      size,
      centred,
      eps,
      epsAtStd,
      ddof,
      scale,
      k,
      factorsFit,
    );
    return false;
  }
  statistics(x, xStride, means, rstds, min(rows, PAIR), size, centred, eps, epsAtStd, ddof);
  let allFit = factorsFit;
  for (let left = rows; left > 0; ) {
    const m0 = load<f64>(means);
    const r0 = load<f64>(rstds);
    const nextMeans = means + PAIR * sizeof<f64>();
    const nextRstds = rstds + PAIR * sizeof<f64>();
    const next = x + xStride * PAIR;
    const fits0 = factorsFit && rowFitsSingle(r0);
    const split0 = needsSplit(m0, r0);
    if (left >= 2 * PAIR && size >= SHORT && fits0 && !split0) {
      const m1 = load<f64>(means, sizeof<f64>());
      const r1 = load<f64>(rstds, sizeof<f64>());
      if (rowFitsSingle(r1) && !needsSplit(m1, r1)) {
        const a0 = scale * r0;
        const a1 = scale * r1;
        const high0 = f32x4.splat(<f32>m0);
        const high1 = f32x4.splat(<f32>m1);
        const b0 = f32x4.splat(<f32>(a0 * k * r0));
        const b1 = f32x4.splat(<f32>(a1 * k * r1));
        const x1 = x + xStride;
        const next1 = next + xStride;
        const sum1At = nextMeans + sizeof<f64>();
        const squares1At = nextRstds + sizeof<f64>();
        mapAndSumRow<T>(x, next, gain, bias, z, size, high0, f32x4.splat(<f32>a0), b0, nextMeans, nextRstds);
        mapAndSumRow<T>(x1, next1, gain, bias, z + zStride, size, high1, f32x4.splat(<f32>a1), b1, sum1At, squares1At);
        settle(next, nextMeans, nextRstds, size, centred, eps, epsAtStd, ddof);
        settle(next1, sum1At, squares1At, size, centred, eps, epsAtStd, ddof);
        left -= PAIR;
        means = nextMeans;
        rstds = nextRstds;
        x = next;
        z += zStride * PAIR;
        continue;
      }
    }
    allFit = allFit && fits0;
    const a = forwardFactor(scale, r0);
    writeRow<T>(fits0, split0, x, gain, bias, z, size, m0, a, a * k * r0, 0, 0);
    if (left > PAIR) statistics(next, xStride, nextMeans, nextRstds, 1, size, centred, eps, epsAtStd, ddof);
    left--;
    means += sizeof<f64>();
    rstds += sizeof<f64>();
    x += xStride;
    z += zStride;
  }
  return allFit;
}

/** The same of sums with a residual: a block of rows is added up and its statistics taken, then it is written. */
function forwardOfSum<T>(
  x: usize,
  xStride: usize,
  residual: usize,
  residualStride: usize,
  sum: usize,
  sumStride: usize,
  gain: usize,
  bias: usize,
  z: usize,
  zStride: usize,
  means: usize,
  rstds: usize,
  rows: i32,
  size: i32,
  centred: bool,
  eps: f64,
  epsAtStd: bool,
  ddof: i32,
  scale: f64,
  k: f64,
  factorsFit: bool,
): void {
  const block = max(<i32>(BLOCK / (<usize>size * sizeof<f32>())), 1);
  for (; rows > 0; rows -= block) {
    const count = min(rows, block);
    for (let row = 0; row < count; row++) {
      const offset = (<usize>row) << 3;
      addRow(x, residual, sum + <usize>row * sumStride, size, means + offset, rstds + offset);
      x += xStride;
      residual += residualStride;
    }
    // By themselves: what one row waits for, its divisions and its root, leaves time for the next.
    for (let row = 0; row < count; row++) {
      const at = sum + <usize>row * sumStride;
      const meanAt = means + ((<usize>row) << 3);
      const rstdAt = rstds + ((<usize>row) << 3);
      if (size >= SHORT) settle(at, meanAt, rstdAt, size, centred, eps, epsAtStd, ddof);
      else statistics(at, sumStride, meanAt, rstdAt, 1, size, centred, eps, epsAtStd, ddof);
    }
    for (let row = 0; row < count; row++) {
      const m = load<f64>(means);
      const r = load<f64>(rstds);
      const a = forwardFactor(scale, r);
      const fits = factorsFit && rowFitsSingle(r);
      writeRow<T>(fits, needsSplit(m, r), sum, gain, bias, z, size, m, a, a * k * r, 0, 0);
      sum += sumStride;
      z += zStride;
      means += sizeof<f64>();
      rstds += sizeof<f64>();
    }
  }
}

/** Makes mean and rstd of a row's sums of x and x^2. */
function settle(
  x: usize,
  means: usize,
  rstds: usize,
  size: i32,
  centred: bool,
  eps: f64,
  epsAtStd: bool,
  ddof: i32,
): void {
  if (centred) momentsOfSums(x, size, load<f64>(means), load<f64>(rstds));
  else momentsAtOriginOfSums(x, size, load<f64>(rstds));
  store<f64>(means, mean);
  store<f64>(rstds, reciprocalStd(squares / <f64>(size - ddof), eps, epsAtStd));
}

/** The means and rstds alone, as forward finds them. */
export function statistics(
  x: usize,
  xStride: usize,
  means: usize,
  rstds: usize,
  rows: i32,
  size: i32,
  centred: bool,
  eps: f64,
  epsAtStd: bool,
  ddof: i32,
): void {
  for (let row = 0; row < rows; row++) {
    if (centred) moments(x, size);
    else momentsAtOrigin(x, size);
    store<f64>(means, mean);
    store<f64>(rstds, reciprocalStd(squares / <f64>(size - ddof), eps, epsAtStd));
    x += xStride;
    means += sizeof<f64>();
    rstds += sizeof<f64>();
  }
}
