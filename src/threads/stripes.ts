/** The stripes of rows that backward sums apart: those of a batch or, where samples have gains of their own, of each sample. */
import { STRIPE_ROWS } from "../abi.js";

/** The rows of a block, as its fields say: the number of row 0 in its sample, and the rows of a sample, 0 if it has no end. */
export interface Numbering {
  readonly first: number;
  readonly rowsPerGain: number;
}

export interface Stripe {
  /** Its first row in the block, and how many there are. */
  readonly row: number;
  readonly rows: number;
  /** Its sample, counted from that of row 0, and the number of its first row there. */
  readonly sample: number;
  readonly number: number;
}

/** How many stripes begin before a row, counted from the begin of row 0's sample, if the row begins a stripe or is inside one. */
function stripesBefore({ first, rowsPerGain }: Numbering, row: number): number {
  const number = first + row;
  if (rowsPerGain === 0) return Math.floor(number / STRIPE_ROWS);
  const samples = Math.floor(number / rowsPerGain);
  return samples * Math.ceil(rowsPerGain / STRIPE_ROWS) + Math.floor((number % rowsPerGain) / STRIPE_ROWS);
}

/** The stripe with this number, counted from the begin of row 0's sample. */
function stripeOf({ first, rowsPerGain }: Numbering, index: number): Stripe {
  if (rowsPerGain === 0) {
    const number = index * STRIPE_ROWS;
    return { row: number - first, rows: STRIPE_ROWS, sample: 0, number };
  }
  const perSample = Math.ceil(rowsPerGain / STRIPE_ROWS);
  const sample = Math.floor(index / perSample);
  const number = (index % perSample) * STRIPE_ROWS;
  const rows = Math.min(STRIPE_ROWS, rowsPerGain - number);
  return { row: sample * rowsPerGain + number - first, rows, sample, number };
}

/** The stripe `index` stripes after the one that begins with the row `from`. */
export function stripeAt(numbering: Numbering, from: number, index: number): Stripe {
  return stripeOf(numbering, stripesBefore(numbering, from) + index);
}

/** The whole stripes among rows: how many there are, and the rows before the first and after the last. */
export function wholeStripes(numbering: Numbering, from: number, rows: number) {
  const before = stripesBefore(numbering, from);
  const first = stripeOf(numbering, before).row === from ? before : before + 1;
  const last = stripesBefore(numbering, from + rows);
  return {
    count: Math.max(last - first, 0),
    head: stripeOf(numbering, first).row - from,
    tail: from + rows - stripeOf(numbering, last).row,
  };
}
