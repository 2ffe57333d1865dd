/** The error of a case that fails. */

/** An error of the checks, not of the package. */
export class Failure extends Error {}

export function fail(message: string): never {
  throw new Failure(message);
}

/** Whether two arrays hold the same bytes. */
export function sameBytes(one: ArrayBufferView, other: ArrayBufferView): boolean {
  const { byteLength } = one;
  if (byteLength !== other.byteLength) return false;
  const bytes = (view: ArrayBufferView) => Buffer.from(view.buffer, view.byteOffset, byteLength);
  return bytes(one).equals(bytes(other));
}
