/** The totals of column sums: over the stripes of rows that are closed, and then over the whole batch, rounded once. */

import { Call } from "./call";
import { biasSumsOf, columnsLength, flushColumns } from "./columns";

/**
 * Adds the sums of the stripe that another call has summed to the totals of this one, and sets them to 0. A batch is summed by stripes
 * that begin at fixed rows, so that threads can each sum other stripes: the totals are the same bytes if stripes are added in order.
 */
export function addStripe(call: Call, stripe: Call): void {
  flushColumns(stripe);
  const none = f64x2.splat(0);
  let totals = call.totals;
  const end = stripe.columns + 2 * columnsLength(call) * sizeof<f64>();
  for (let sums = stripe.columns; sums < end; sums += sizeof<v128>()) {
    v128.store(totals, f64x2.add(v128.load(totals), v128.load(sums)));
    v128.store(sums, none);
    totals += sizeof<v128>();
  }
}

/** Adds the sums of a call's own stripe to its totals, unless it is the only stripe. */
export function closeStripe(call: Call): void {
  if (call.totals) addStripe(call, call);
}

/** Writes to out the sums of dy z or, if ofBias, of dy. `accumulate` adds to what out holds. Rounds to f32 once. */
export function giveColumns(call: Call, ofBias: bool, out: usize, accumulate: bool): void {
  flushColumns(call);
  const sums = ofBias ? biasSumsOf(call) : call.columns;
  const totals = call.totals + (sums - call.columns);
  for (let i: usize = 0; i < <usize>call.size; i++) {
    const before = accumulate ? <f64>load<f32>(out + (i << 2)) : 0;
    let sum = load<f64>(sums + (i << 3));
    if (call.totals) sum = load<f64>(totals + (i << 3)) + sum;
    store<f32>(out + (i << 2), <f32>(before + sum));
  }
}
