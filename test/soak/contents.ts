/** The contents of matrices and arrays of the soak: pieces of one long table of random numbers, and checksums. */
import type { DType } from "adanorm";
import { Random } from "../accuracy/random.ts";
import { type Elements, encode } from "../accuracy/storage.ts";

/** Elements of the table: no batch of the soak has more. */
export const MOST_ELEMENTS = 2 ** 20;

const FLOATS = numbers();
const TABLES: Readonly<Record<DType, Elements>> = {
  f32: FLOATS,
  f16: encode(FLOATS, "f16"),
  bf16: encode(FLOATS, "bf16"),
};

function numbers(): Float32Array {
  const random = new Random("table");
  return Float32Array.from({ length: MOST_ELEMENTS }, () => random.normal());
}

/** A view of some elements anywhere in the table. It must not be written to. */
export function piece(random: Random, length: number, dtype: DType): Elements {
  const start = random.integer(MOST_ELEMENTS - length + 1);
  return TABLES[dtype].subarray(start, start + length);
}

/** A checksum that every change of a single element changes (FNV-1a over the bits of the elements). */
export function checksum(elements: Elements): number {
  const { buffer, byteOffset, length } = elements;
  const bits = elements instanceof Float32Array ? new Uint32Array(buffer, byteOffset, length) : elements;
  let sum = 0x811c9dc5;
  for (let i = 0; i < length; i++) sum = Math.imul(sum ^ (bits[i] as number), 0x01000193);
  return sum;
}

/** Whether two arrays hold the same bytes. */
export function sameBytes(one: ArrayBufferView, other: ArrayBufferView): boolean {
  const bytes = (view: ArrayBufferView) => Buffer.from(view.buffer, view.byteOffset, view.byteLength);
  return bytes(one).equals(bytes(other));
}

/** Fails the soak. */
export function check(holds: boolean, what: () => string): asserts holds {
  if (!holds) throw new Error(what());
}
