/** The effect of NaN or infinity in one row on that row and on the others, in 16 bits and in sums. */
import type { Batch } from "./batch.ts";
import type { Tally } from "./bounds.ts";
import { decode, type Elements, encode, STORAGES } from "./storage.ts";
import type { NormName, Subject } from "./subjects.ts";

const NORMS: readonly NormName[] = ["layerNormSimple", "detachNorm", "adaNorm", "rmsNorm", "l2Norm"];

/** A few rows show as much as all of them. */
const MOST_ROWS = 3;

/** Puts NaN, the infinities, and numbers whose sum exceeds the storage into a row of a batch. */
export function noteSpecial(subject: Subject, tally: Tally, { options, given, rows, label }: Batch): void {
  const { size, dtype } = options;
  const few = Math.min(rows, MOST_ROWS);
  const row = few >> 1;
  const at = row * size + (size >> 1);
  const head = (elements: Elements) => elements.subarray(0, few * size);
  const spoilt = (elements: Elements, value: number) => {
    const copy = elements.slice();
    copy[at] = encode([value], dtype)[0] as number;
    return copy;
  };
  const [x, dy] = [head(given.x), head(given.dy)];
  const residual = given.residual && head(given.residual);
  const more = given.dSum ? { dSum: head(given.dSum) } : {};
  const run = (norm: NormName, x: Elements, residual?: Elements) => {
    const forward = subject.forward(norm, x, options, residual ? { residual } : {});
    return [forward.y, subject.backward(norm, dy, forward.sum ?? x, forward, options, more).dx];
  };
  /** How many elements are wrong: not NaN in the special row, or changed in another row. */
  const wrong = (got: Elements, clean: Elements) => {
    const [values, before] = [decode(got, dtype), decode(clean, dtype)];
    return values.reduce((count, value, i) => {
      const want = Math.floor(i / size) === row ? Number.NaN : before[i];
      return count + (Object.is(value, want) ? 0 : 1);
    }, 0);
  };

  const { largest } = STORAGES[dtype];
  const bad = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  const batches: [Elements, Elements | undefined][] = bad.map((value) => [spoilt(x, value), residual]);
  if (residual) {
    batches.push(...bad.map((value): [Elements, Elements] => [x, spoilt(residual, value)]));
    batches.push([spoilt(x, largest), spoilt(residual, largest)]);
  }
  for (const norm of NORMS) {
    const clean = run(norm, x, residual);
    for (const [one, other] of batches) {
      const results = run(norm, one, other);
      const count = results.reduce((sum, result, i) => sum + wrong(result, clean[i] as Elements), 0);
      tally.note("special", count, norm, label, row);
    }
  }
}
