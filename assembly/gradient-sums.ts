/** Sums along a row for backward, of dz and of dz t, where t = x - mean: in f32 with a split mean, and in f64. */

import { Call } from "./call";
import {
  dzSum as channelsDzSum,
  dzTSum as channelsDzTSum,
  farthestOff as farthestOfChannels,
  sumChannels,
} from "./channel-sums";
import { Split, Whole } from "./formulas/centring";
import { Dz, GradientFactors } from "./formulas/gradients";
import { Double, Single } from "./lanes";
import { Precision } from "./precision";
import { farthestOff as farthestFound, sum0, sum1, sumTerms } from "./sums";

/** The results of the last sum in this file: of dz and of dz t, both in units of dzUnit, and the largest |t|. */
export let dzSum: f64 = 0;
export let dzTSum: f64 = 0;
export let dzUnit: f64 = 1;
export let farthestOff: f64 = 0;

/** Sums dz and dz t over one row. `isSplit`: in f32, with the mean split in two; otherwise in f64. */
export function sumGradient<G>(call: Call, row: i32, rstd: f64, isSplit: bool): void {
  if (changetype<G>(0).isByChannel()) {
    sumChannels(call, row, rstd, isSplit ? Precision.Split : Precision.Double);
    dzSum = channelsDzSum;
    dzTSum = channelsDzTSum;
    dzUnit = 1;
    farthestOff = farthestOfChannels;
    return;
  }
  if (isSplit) sumTerms<Single, Split, Dz<G>>(call, row, rstd);
  else sumTerms<Double, Whole, Dz<G>>(call, row, rstd);
  dzSum = sum0;
  dzTSum = sum1;
  // Dz has the factors of adaNorm in it, unless k is 0.
  dzUnit = changetype<G>(0).isAda() ? 1 : changetype<GradientFactors<G>>(0).unit(call, rstd);
  farthestOff = farthestFound;
}
