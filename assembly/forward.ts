/** Forward, row by row: the statistics, the scalars that follow from them, one pass that writes the row. */
import { factorsFitSingle, needsSplit, rowFitsSingle, writeRow } from "./precision";
import { mean, moments, momentsAtOrigin, reciprocalStd, squares } from "./statistics";

/** 1 / sigma of a row; its mean is then in `mean`. Not centred is rmsNorm: the mean is taken as 0. */
function rstdOf<S>(x: usize, size: i32, centred: bool, eps: f64, epsAtStd: bool, ddof: i32): f64 {
  if (centred) moments<S>(x, size);
  else momentsAtOrigin<S>(x, size);
  return reciprocalStd(squares / <f64>(size - ddof), eps, epsAtStd);
}

/**
 * z = T(x - mean) for every row, with the row's scalars a = scale r and b = scale k r^2; z may be x.
 * Mean and r = 1 / sigma of the rows go to `means` and `rstds`, one f64 each.
 */
export function forward<S, T>(
  x: usize,
  gain: usize,
  bias: usize,
  z: usize,
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
): void {
  const rowBytes = <usize>size * changetype<S>(0).bytes();
  const factorsFit = factorsFitSingle(scale, k);
  // One row ahead: the chain of divisions and the square root that ends a row's statistics takes as long as a short row,
  // and runs beside the pass that writes the row before.
  statistics<S>(x, means, rstds, min(rows, 1), size, centred, eps, epsAtStd, ddof);
  for (let row = 0; row < rows; row++) {
    const m = load<f64>(means);
    const r = load<f64>(rstds);
    means += sizeof<f64>();
    rstds += sizeof<f64>();
    if (row + 1 < rows) statistics<S>(x + rowBytes, means, rstds, 1, size, centred, eps, epsAtStd, ddof);
    const a = scale * r;
    const b = a * k * r;
    writeRow<S, T>(factorsFit && rowFitsSingle(r), needsSplit(m, r), x, gain, bias, z, size, m, a, b, 0, 0);
    x += rowBytes;
    z += rowBytes;
  }
}

/** The means and rstds alone, as forward finds them. */
export function statistics<S>(
  x: usize,
  means: usize,
  rstds: usize,
  rows: i32,
  size: i32,
  centred: bool,
  eps: f64,
  epsAtStd: bool,
  ddof: i32,
): void {
  const rowBytes = <usize>size * changetype<S>(0).bytes();
  for (let row = 0; row < rows; row++) {
    store<f64>(rstds, rstdOf<S>(x, size, centred, eps, epsAtStd, ddof));
    store<f64>(means, mean);
    x += rowBytes;
    means += sizeof<f64>();
    rstds += sizeof<f64>();
  }
}
