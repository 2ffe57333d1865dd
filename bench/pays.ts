/** From how many rows on a call of the package takes less than plain loops do. */
import { PAYS } from "./cases.ts";
import { type Result, ratio, seriesOf } from "./result.ts";

/** The ways to call the package, and the loops, by the words for them. */
const OURS = { "arrays with `out`": "arrays", "prepared matrices": "prepared" };
const THEIRS = { "plain loops": "plain", "tuned loops": "tuned" };

export interface Pays {
  ours: keyof typeof OURS;
  theirs: keyof typeof THEIRS;
  /** For each size of PAYS: from how many rows on; infinite where it takes more than were tried. */
  rows: number[];
  /** From how many elements on it pays whatever the size; infinite likewise. */
  elements: number;
}

/** The least of the measured amounts from which on all pay; infinite where the last does not, NaN where there is none. */
function least(measured: { amount: number; pays: boolean }[]): number {
  if (measured.length === 0) return Number.NaN;
  const lost = Math.max(0, ...measured.filter(({ pays }) => !pays).map(({ amount }) => amount));
  return Math.min(...measured.map(({ amount }) => amount).filter((amount) => amount > lost));
}

/** One for each pair of a way to call and loops; none where they were not measured. */
export function paysFrom(result: Result): Pays[] {
  const ways = Object.keys(OURS) as Pays["ours"][];
  const loops = Object.keys(THEIRS) as Pays["theirs"][];
  return ways.flatMap((ours) =>
    loops.flatMap((theirs): Pays[] => {
      const measured = result.cases.flatMap(({ id, rows, size }) => {
        const ns = (name: string) => (id.startsWith("pays ") ? seriesOf(result, id, name) : undefined);
        const times = ratio(ns(`${THEIRS[theirs]} layerNorm`), ns(`adanorm layerNorm ${OURS[ours]}`));
        return times === undefined ? [] : [{ rows, size, pays: times >= 1 }];
      });
      if (measured.length === 0) return [];
      const rows = PAYS.sizes.map((size) =>
        least(measured.filter((one) => one.size === size).map((one) => ({ amount: one.rows, pays: one.pays }))),
      );
      const elements = least(measured.map((one) => ({ amount: one.rows * one.size, pays: one.pays })));
      return [{ ours, theirs, rows, elements }];
    }),
  );
}
