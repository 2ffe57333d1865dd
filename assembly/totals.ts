/** The totals of column sums: over the stripes of rows that are closed, and then over the whole batch, rounded once. */

import { Call } from "./call";
import { biasSumsOf, columnsLength, flushColumns } from "./columns";

/** The bytes from `columns` to the totals of closed stripes, which follow the f32 sums. */
function totalsOffset(call: Call): usize {
  return 3 * columnsLength(call) * sizeof<f64>();
}

/**
 * Adds the sums of a stripe of rows to the totals, and sets them to 0. A batch is summed by stripes that begin at fixed rows, so that
 * threads can each sum other stripes: the totals are the same bytes if the stripes are added in order.
 */
export function closeStripe(call: Call): void {
  flushColumns(call);
  const none = f64x2.splat(0);
  const offset = totalsOffset(call);
  const end = call.columns + 2 * columnsLength(call) * sizeof<f64>();
  for (let sums = call.columns; sums < end; sums += sizeof<v128>()) {
    v128.store(sums + offset, f64x2.add(v128.load(sums + offset), v128.load(sums)));
    v128.store(sums, none);
  }
}

/** Adds the totals of another call's columns, for rows of the same size, to those of this call. */
export function addTotals(call: Call, columns: usize): void {
  const offset = totalsOffset(call);
  const end = call.columns + offset + 2 * columnsLength(call) * sizeof<f64>();
  let from = columns + offset;
  for (let totals = call.columns + offset; totals < end; totals += sizeof<v128>()) {
    v128.store(totals, f64x2.add(v128.load(totals), v128.load(from)));
    from += sizeof<v128>();
  }
}

/** Writes to out the sums of dy z or, if ofBias, of dy. `accumulate` adds to what out holds. Rounds to f32 once. */
export function giveColumns(call: Call, ofBias: bool, out: usize, accumulate: bool): void {
  flushColumns(call);
  const offset = totalsOffset(call);
  const sums = ofBias ? biasSumsOf(call) : call.columns;
  for (let i: usize = 0; i < <usize>call.size; i++) {
    const before = accumulate ? <f64>load<f32>(out + (i << 2)) : 0;
    const at = sums + (i << 3);
    store<f32>(out + (i << 2), <f32>(before + (load<f64>(at + offset) + load<f64>(at))));
  }
}
