/** The errors of one family of rows at one size. */
import { type Batch, makeBatch } from "./batch.ts";
import {
  boundOf,
  CLEAR,
  type Elementwise,
  inUnits,
  magnified,
  type Quantity,
  Tally,
  ULP,
  ulpAt,
  type Worst,
} from "./bounds.ts";
import { difference } from "./double-double.ts";
import { CASES, type Case, COLUMN_CASES, ExactRow, isOrigin } from "./exact.ts";
import { type Family, isStored } from "./families.ts";
import { ColumnSums, type Moments } from "./oracle.ts";
import { type Sharing, sharingOf, spread } from "./sharing.ts";
import { noteSpecial } from "./special.ts";
import { decode, encode, STORAGES, spacingAt } from "./storage.ts";
import { type AnyName, kernelsSubject, type Options, type Outputs, plainSubject, type Subject } from "./subjects.ts";

export interface Measurement {
  family: string;
  size: number;
  rows: number;
  ours: Partial<Record<Quantity, Worst>>;
  plain: Partial<Record<Quantity, Worst>>;
}

/** What forward returned, y as numbers. */
interface Forward extends Omit<Outputs, "y"> {
  y: Float32Array;
}

/** What backward returned, dx as numbers. */
interface Backward {
  dx: Float32Array;
  dGain: Float32Array | undefined;
  dBias: Float32Array | undefined;
}

/** The gain and the bias of a case that are not those of each column. */
interface Shared extends ReturnType<Batch["paramsFor"]> {
  sharing: Sharing;
}

/** What one subject returned for a batch. */
interface Results {
  tally: Tally;
  subject: Subject;
  moments: ReturnType<Subject["moments"]>;
  simple: Forward;
  rms: Forward;
  l2: Forward;
  /** Forward of adaNorm and of layerNorm with gain and bias, unless only the columns count. */
  ada?: Forward;
  affine?: Forward;
  /** Forward of each case of shared gains, which are all 1 and so give z. */
  shared: (Forward | undefined)[];
  gradients: Backward[];
}

function run(
  subject: Subject,
  tally: Tally,
  batch: Batch,
  cases: readonly Case[],
  shared: readonly (Shared | undefined)[],
  onlyColumns: boolean,
): Results {
  const { options, given, label } = batch;
  const { x, dy, params, residual, dSum } = given;
  const { dtype } = options;
  const forward = (norm: AnyName, more = {}, sharing?: Sharing): Forward => {
    const own = { ...options, sharing };
    const result = subject.forward(norm, x, own, residual ? { ...more, residual } : more);
    if (residual) tally.note("sum", differingSums(result, batch), norm, label);
    return { ...result, y: decode(result.y, dtype) };
  };
  const simple = forward("layerNormSimple");
  const rms = forward("rmsNorm");
  const l2 = forward("l2Norm");
  const input = simple.sum ?? x;
  const results: Results = {
    tally,
    subject,
    moments: subject.moments(input, options),
    simple,
    rms,
    l2,
    shared: cases.map(({ norm }, index) => {
      const sharing = shared[index]?.sharing;
      const ones = sharing && encode(new Float32Array(sharing.count).fill(1), dtype);
      return sharing && !onlyColumns ? forward(norm, { gain: ones }, sharing) : undefined;
    }),
    gradients: cases.map(({ norm, detachScale = true, detached, params: has }, index) => {
      const stats = norm === "l2Norm" ? l2 : isOrigin(norm) ? rms : simple;
      const more = { ...(has && (shared[index]?.given ?? params)), ...(dSum && { dSum }) };
      const sharing = shared[index]?.sharing;
      const own = { ...options, sharing, detachScale, ...(detached && { detachMean: true, detachStd: true }) };
      const { dx, dGain, dBias } = subject.backward(norm, dy, input, stats, own, more);
      return { dx: decode(dx, dtype), dGain, dBias };
    }),
  };
  if (!onlyColumns) {
    results.ada = forward("adaNorm");
    results.affine = forward("layerNorm", params);
  }
  return results;
}

/** How many elements of a sum are not exactly what they must be, the sign of a zero included. */
function differingSums({ sum }: Pick<Outputs, "sum">, { x, options }: Batch): number {
  if (!sum) return x.length;
  const values = decode(sum, options.dtype);
  return x.reduce((count, value, i) => count + (Object.is(values[i], value) ? 0 : 1), 0);
}

/** The largest error over a row, in 2^-23 of the units. */
function worstOf(got: Float32Array, start: number, want: Float64Array, units: Float64Array): number {
  let worst = 0;
  for (let i = 0; i < want.length; i++) {
    const error = inUnits((got[start + i] as number) - (want[i] as number), ULP * (units[i] as number));
    if (error > worst) worst = error;
  }
  return worst;
}

/**
 * Notes the errors of a row of results. Results in 16 bits are rounded to them, which may add half a unit in the last
 * place. The rest of the error must keep the bound for f32. A total is rounded to f32 before.
 */
function noteRow(
  tally: Tally,
  quantity: Elementwise,
  got: Float32Array,
  start: number,
  want: Float64Array,
  units: Float64Array,
  { size, dtype }: Options,
  at: readonly [norm: string, batch: string, row: number],
): void {
  const isFloat = dtype === "f32";
  const isTotal = quantity === "total";
  if (isFloat && !isTotal) {
    tally.note(quantity, worstOf(got, start, want, units), ...at);
    return;
  }
  const storage = STORAGES[dtype];
  const infinity = 2 ** (storage.most + 1);
  const bound = boundOf(quantity, size);
  let beyond = 0;
  let clear = 0;
  let any = 0;
  for (let i = 0; i < want.length; i++) {
    const exact = want[i] as number;
    let value = got[start + i] as number;
    // Infinity represents the number that would follow the largest, and all numbers beyond.
    if (Math.abs(value) === Number.POSITIVE_INFINITY) {
      value = Math.sign(value) * (Math.sign(value) * exact > infinity ? Math.abs(exact) : infinity);
    }
    const error = Math.abs(value - exact);
    const unit = ULP * (units[i] as number);
    const spacing = spacingAt(exact, storage);
    const first = isTotal ? spacingAt(exact, STORAGES.f32) / 2 : 0;
    const rounding = isFloat ? first : first + spacing / 2;
    const rest = inUnits(error <= rounding ? 0 : error - rounding, unit);
    const ulps = inUnits(error, spacing);
    if (rest > beyond) beyond = rest;
    if (ulps > any) any = ulps;
    if (ulps > clear && spacing > CLEAR * (bound * unit + first)) clear = ulps;
  }
  tally.note(quantity, beyond, ...at);
  if (isFloat) return;
  tally.note(`${quantity} ulp`, clear, ...at);
  if (quantity === "y" || quantity === "z") tally.note(`${quantity} any`, any, ...at);
}

/** How many elements of a row differ from their exact value, which is 0 if none is given. */
function differing(got: Float32Array, start: number, size: number, want?: Float32Array): number {
  let count = 0;
  for (let i = 0; i < size; i++) if (got[start + i] !== (want ? want[i] : 0)) count++;
  return count;
}

function checkForward(batch: Batch, row: number, exact: ExactRow, moments: Moments, results: Results): void {
  const { options, params, label } = batch;
  const { size } = options;
  const { variance, square, rstd, rstdRms } = exact;
  const { tally, subject, simple, rms, l2, ada, affine } = results;
  const start = row * size;
  const [centred, origin] = ["layerNormSimple", "rmsNorm"] as const;

  const meanUnit = ULP * Math.max(Math.abs(moments.mean.high), Math.sqrt(variance));
  const meanOff = difference(simple.mean[row] as number, moments.mean);
  const rowsMeanOff = difference(results.moments.mean[row] as number, moments.mean);
  tally.note("mean", inUnits(meanOff, meanUnit), centred, label, row);
  tally.note("mean", inUnits(rowsMeanOff, meanUnit), "rows", label, row);

  const larger = magnified(moments.mean.high, moments.squares.high, options.size);
  const varianceUnit = larger * ulpAt(variance);
  const rowsVarianceOff = (results.moments.variance[row] as number) - variance;
  tally.note("variance", inUnits(rowsVarianceOff, varianceUnit), "rows", label, row);
  const simpleRstd = simple.rstd[row] as number;
  const rmsRstd = rms.rstd[row] as number;
  if (subject.showsVariance && options.eps === 0) {
    tally.note("variance", inUnits(simpleRstd ** -2 - variance, varianceUnit), centred, label, row);
    tally.note("variance", inUnits(rmsRstd ** -2 - square, ulpAt(square)), origin, label, row);
  }
  tally.note("rstd", inUnits(simpleRstd - rstd, larger * ulpAt(rstd)), centred, label, row);
  tally.note("rstd", inUnits(rmsRstd - rstdRms, ulpAt(rstdRms)), origin, label, row);

  noteRow(tally, "z", simple.y, start, exact.z, exact.zUnits, options, [centred, label, row]);
  noteRow(tally, "z", rms.y, start, exact.zRms, exact.zRmsUnits, options, [origin, label, row]);
  tally.note("rstd", inUnits((l2.rstd[row] as number) - exact.rstdL2, ulpAt(exact.rstdL2)), "l2Norm", label, row);
  noteRow(tally, "z", l2.y, start, exact.zL2, exact.zL2Units, options, ["l2Norm", label, row]);
  for (const [index, forward] of results.shared.entries()) {
    if (!forward) continue;
    const { label: name } = CASES[index] as Case;
    tally.note("rstd", inUnits((forward.rstd[row] as number) - rstd, larger * ulpAt(rstd)), name, label, row);
    noteRow(tally, "z", forward.y, start, exact.z, exact.zUnits, options, [name, label, row]);
  }
  if (!ada || !affine) return;
  noteRow(tally, "y", ada.y, start, exact.y, exact.yUnits, options, ["adaNorm", label, row]);
  if (moments.constant && options.eps > 0) {
    tally.note("constant", differing(simple.y, start, size), centred, label, row);
    tally.note("constant", differing(ada.y, start, size), "adaNorm", label, row);
    tally.note("constant", differing(affine.y, start, size, params.bias), "layerNorm with gain, bias", label, row);
  }
}

/** Measures one batch; the errors go to the tallies of what was measured. */
function measureBatch(batch: Batch, subjects: readonly [Subject, Tally][], onlyColumns: boolean): void {
  const { options, params, x, dy, dSum, rows, label } = batch;
  const { size } = options;
  const cases = onlyColumns ? COLUMN_CASES : CASES;
  const shared = cases.map(({ sharedBy }): Shared | undefined => {
    if (!sharedBy) return undefined;
    const sharing = sharingOf(sharedBy, rows, size);
    return { ...batch.paramsFor(sharing.count), sharing };
  });
  const all = subjects.map(([subject, tally]) => run(subject, tally, batch, cases, shared, onlyColumns));
  const exact = new ExactRow(size);
  const want = new Float64Array(size);
  const units = new Float64Array(size);
  const ownGain = new Float32Array(size);
  const gainSums = cases.map(({ params: given }, index) =>
    given ? new ColumnSums(shared[index]?.sharing.count ?? size) : undefined,
  );
  const columnSums = new ColumnSums(size);
  const biasSums = shared.map((one) => (one ? new ColumnSums(one.sharing.count) : columnSums));

  for (let row = 0; row < rows; row++) {
    const start = row * size;
    const dyRow = dy.subarray(start, start + size);
    const moments = exact.set(x.subarray(start, start + size), options);
    for (const results of all) checkForward(batch, row, exact, moments, results);

    columnSums.addRow(dyRow);
    for (const [index, each] of cases.entries()) {
      const own = shared[index];
      const gain = own ? spread(own.params.gain, own.sharing, row, ownGain) : params.gain;
      const at = own && ((column: number) => own.sharing.at(row, column));
      if (own) biasSums[index]?.addRow(dyRow, undefined, at);
      units.fill(exact.gradient(want, each, dyRow, options, gain));
      if (dSum) for (let i = 0; i < size; i++) want[i] = (want[i] as number) + (dSum[start + i] as number);
      for (const { tally, gradients } of all) {
        const { dx } = gradients[index] as Backward;
        noteRow(tally, dSum ? "total" : "dx", dx, start, want, units, options, [each.label, label, row]);
      }
      gainSums[index]?.addRow(dyRow, isOrigin(each.norm) ? exact.zRms : exact.z, at);
    }
  }

  for (const { tally, gradients } of all) {
    for (const [index, { dGain, dBias }] of gradients.entries()) {
      const name = (cases[index] as Case).label;
      const sums = gainSums[index];
      if (sums && dGain) {
        tally.note("dGain", worstColumn(dGain, sums, onlyColumns ? sums.magnitudes : sums.units), name, label);
      }
      const added = biasSums[index] as ColumnSums;
      if (dBias) tally.note("dBias", worstColumn(dBias, added, added.magnitudes), name, label);
    }
  }
}

/** The largest error over the columns, in 2^-22 of their units. */
function worstColumn(got: Float32Array, sums: ColumnSums, units: Float64Array): number {
  let worst = 0;
  for (let i = 0; i < got.length; i++) {
    const error = inUnits(sums.off(got[i] as number, i), 2 * ULP * (units[i] as number));
    if (error > worst) worst = error;
  }
  return worst;
}

/** Longer rows take the same paths, and a long time. */
const LONGEST_SPECIAL = 1000;

/** The number of batches in a family, each with its own conventions. */
const BATCHES = 8;

/**
 * Measures `rows` rows of a family, the kernels and the plain loop on the same ones.
 *
 * @param seed chooses the random numbers.
 */
export function measure(family: Family, size: number, rows: number, seed: string): Measurement {
  const ours = new Tally();
  const plain = new Tally();
  const subjects: [Subject, Tally][] = [
    [kernelsSubject(), ours],
    [plainSubject, plain],
  ];
  const onlyColumns = family.columns !== undefined;
  const batches = onlyColumns ? 1 : Math.min(BATCHES, rows);
  let measured = 0;
  for (let index = 0; index < batches; index++) {
    const batch = makeBatch(family, size, Math.ceil((rows - index) / batches), index, seed);
    measured += batch.rows;
    if (batch.rows > 0) measureBatch(batch, subjects, onlyColumns);
    // The handling of NaN depends neither on conventions nor on numbers, so one batch of each size is enough.
    if (batch.rows > 0 && index === 0 && size <= LONGEST_SPECIAL && isStored(family)) {
      for (const [subject, tally] of subjects) noteSpecial(subject, tally, batch);
    }
  }
  return { family: family.name, size, rows: measured, ours: ours.worst, plain: plain.worst };
}
