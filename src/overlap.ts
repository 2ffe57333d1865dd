/** Whether arguments share memory. */
import { bufferOf, byteOffsetOf, lengthOf } from "./arrays.js";
import { rangeError } from "./checks.js";

/** Which bytes of which buffer an argument takes up: all of them, or `run` bytes at every `stride`. */
export interface Span {
  argument: string;
  buffer: ArrayBufferLike;
  start: number;
  end: number;
  run: number;
  stride: number;
}

/** An argument whose bytes are known: those in linear memory in less time than it takes to describe a span. */
export interface Occupant {
  readonly argument: string;
  /** Byte offset in linear memory; undefined for what lies elsewhere. */
  readonly pointer: number | undefined;
  /** Bytes from the first element to behind the last. */
  readonly bytes: number;
  readonly span: Span;
}

/** An array of statistics, which lies outside of linear memory. */
export function occupantOf(argument: string, array: Float64Array): Occupant {
  const start = byteOffsetOf(array);
  const bytes = lengthOf(array) * 8;
  const span = { argument, buffer: bufferOf(array), start, end: start + bytes, run: bytes, stride: bytes };
  return { argument, pointer: undefined, bytes, span };
}

/**
 * Refuses an output that shares memory with another argument, of which one would be overwritten before it is read.
 * Where `same` is set, both may be one and the same.
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

/** Most pairs of arguments: two places in linear memory, or one place there and one outside. */
function areApart(a: Occupant, b: Occupant): boolean {
  const { pointer: p } = a;
  const { pointer: q } = b;
  if (p === undefined || q === undefined) return p !== q;
  return p >= q + b.bytes || q >= p + a.bytes;
}

/** Whether both are slices of the same wider rows, one beside the other. */
function areInterleaved(a: Span, b: Span): boolean {
  if (a.stride !== b.stride) return false;
  const distance = (((b.start - a.start) % a.stride) + a.stride) % a.stride;
  return distance >= a.run && a.stride - distance >= b.run;
}
