/** Checks whether arguments share memory. */
import { bufferOf, byteOffsetOf, lengthOf } from "./arrays.js";
import { rangeError } from "./checks.js";

/** The bytes of a buffer that an argument takes up: from `start` to `end`, the first `run` bytes of every `stride`. */
export interface Span {
  argument: string;
  buffer: ArrayBufferLike;
  start: number;
  end: number;
  run: number;
  stride: number;
}

/** An argument that takes up memory. Most checks need no span, which takes longer to make. */
export interface Occupant {
  readonly argument: string;
  /** Address in linear memory; undefined if it lies elsewhere. */
  readonly pointer: number | undefined;
  /** Where it lies if not in linear memory. */
  readonly buffer: ArrayBufferLike | undefined;
  /** Bytes from the start of the first element to the end of the last. */
  readonly bytes: number;
  readonly span: Span;
}

/** An array of statistics as an occupant. It must lie outside of linear memory. */
export function occupantOf(argument: string, array: Float64Array): Occupant {
  const start = byteOffsetOf(array);
  const bytes = lengthOf(array) * 8;
  const buffer = bufferOf(array);
  const span = { argument, buffer, start, end: start + bytes, run: bytes, stride: bytes };
  return { argument, pointer: undefined, buffer, bytes, span };
}

/**
 * Throws if an output shares memory with another argument: one of them would be overwritten. If `same` is set, both may be
 * the same batch.
 */
export function checkApart(call: string, output: Occupant, other: Occupant | undefined, same = false): void {
  if (other === undefined || areApart(output, other)) return;
  const a = output.span;
  const b = other.span;
  if (a.buffer !== b.buffer || Math.max(a.start, b.start) >= Math.min(a.end, b.end)) return;
  // As many rows between the same ends are the same rows.
  if (same && a.start === b.start && a.end === b.end) return;
  if (areInterleaved(a, b)) return;
  const expected = same ? `${b.argument} itself, or memory apart from it` : `memory apart from ${b.argument}`;
  throw rangeError(call, output.argument, expected, `bytes ${a.start} to ${a.end} over bytes ${b.start} to ${b.end}`);
}

/** A quick check that settles most pairs: two separate places in linear memory, only one of two there, or two buffers. */
function areApart(output: Occupant, other: Occupant): boolean {
  const { pointer: outputAt } = output;
  const { pointer: otherAt } = other;
  if (outputAt === undefined || otherAt === undefined) return outputAt !== otherAt || output.buffer !== other.buffer;
  return outputAt >= otherAt + other.bytes || otherAt >= outputAt + output.bytes;
}

/** Whether both are separate columns of the same wider rows. */
function areInterleaved(wanted: Span, taken: Span): boolean {
  const { stride } = wanted;
  if (stride !== taken.stride) return false;
  const distance = (((taken.start - wanted.start) % stride) + stride) % stride;
  return distance >= wanted.run && stride - distance >= taken.run;
}
