/** The totals of column sums: over the stripes of rows that are closed, and then over the whole batch, rounded once. */

import { Call } from "./call";
import { biasSumsOf, columnsLength, flushColumns } from "./columns";
import { Double } from "./lanes";

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

/**
 * Writes the gradients of the gain and the bias of a sample, counted from that of row 0, where the call wants them. Sets the sums to 0
 * for the next sample.
 */
export function giveSample(call: Call, sample: i32): void {
  flushColumns(call);
  const offset = <usize>sample * ((<usize>call.size) << 2);
  const accumulate = call.accumulate != 0;
  if (call.dGain) giveColumns(call, false, call.dGain + offset, accumulate);
  if (call.dBias) giveColumns(call, true, call.dBias + offset, accumulate);
  const bytes: usize = 2 * columnsLength(call) * sizeof<f64>();
  memory.fill(call.columns, 0, bytes);
  if (call.totals) memory.fill(call.totals, 0, bytes);
}

/** As giveSample, for a call in which all rows share a gain: writes the gradient of the gain or, if ofBias, of the bias to out. */
export function giveBatch(call: Call, ofBias: bool, out: usize, accumulate: bool): void {
  flushColumns(call);
  giveColumns(call, ofBias, out, accumulate);
}

/** Writes to out the f64 sums of dy z or, if ofBias, of dy. `accumulate` adds to what out holds. Rounds to f32 once. */
function giveColumns(call: Call, ofBias: bool, out: usize, accumulate: bool): void {
  const lanes = changetype<Double>(0);
  let sums = ofBias ? biasSumsOf(call) : call.columns;
  let totals: usize = call.totals ? call.totals + (sums - call.columns) : 0;
  const end = out + ((<usize>call.size) << 2);
  while (out < end) {
    let sum = v128.load(sums);
    if (totals) sum = f64x2.add(v128.load(totals), sum);
    const isPair = end - out >= 8;
    if (accumulate) sum = f64x2.add(isPair ? lanes.load(out) : lanes.loadPart(out, 1), sum);
    if (isPair) lanes.store(out, sum);
    else lanes.storePart(out, sum, 1);
    out += 8;
    sums += sizeof<v128>();
    if (totals) totals += sizeof<v128>();
  }
}
