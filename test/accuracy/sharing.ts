/** Which rows and columns of a batch share an element of gain and bias. */

/** By the sample: a gain for each of several samples. By the channel: a row is a group of channels, or one channel. */
export type SharedBy = "samples" | "channels" | "instances";

export interface Sharing {
  /** The elements of gain and of bias. */
  count: number;
  /** Which of them belongs to an element of the batch. */
  at(row: number, column: number): number;
  /** The shape of a sample, if a row is a group of channels. */
  channels?: { channels: number; groups: number; spatial: number };
}

/** The smallest divisor other than 1; 1 for 1. */
function smallestDivisor(of: number): number {
  for (let divisor = 2; divisor * divisor <= of; divisor++) if (of % divisor === 0) return divisor;
  return of;
}

/** Several samples or groups, and several channels, as far as the numbers of rows and columns can be divided. */
export function sharingOf(by: SharedBy, rows: number, size: number): Sharing {
  // A gain for each row would be the gain of no sum.
  const parts = smallestDivisor(rows);
  if (by === "samples") {
    const perSample = rows / parts;
    return { count: parts * size, at: (row, column) => Math.floor(row / perSample) * size + column };
  }
  const inRow = by === "instances" ? 1 : smallestDivisor(size);
  const spatial = size / inRow;
  const channels = { channels: parts * inRow, groups: parts, spatial };
  const at = (row: number, column: number) => (row % parts) * inRow + Math.floor(column / spatial);
  return { count: channels.channels, at, channels };
}

/** The gain, or the bias, of each column of a row. */
export function spread(values: Float32Array, { at }: Sharing, row: number, out: Float32Array): Float32Array {
  for (let column = 0; column < out.length; column++) out[column] = values[at(row, column)] as number;
  return out;
}
