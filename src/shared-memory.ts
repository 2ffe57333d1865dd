/** Memory that threads can share. A build for such memory takes no other, and the other builds take none of it. */

/** The pages of a memory without a limit. */
export const MOST_PAGES = 65536;

/** Makes a shared memory with a limit in pages. Undefined if the host has none to give. */
export function makeSharedMemory(pages: number): WebAssembly.Memory | undefined {
  try {
    return new WebAssembly.Memory({ initial: 1, maximum: pages, shared: true });
  } catch {
    // A page that is not isolated gets none in some browsers, and some engines cannot set so many addresses aside.
    return undefined;
  }
}

/** Whether a buffer is that of a shared memory. Pages that are not isolated have no `SharedArrayBuffer` to compare with. */
export function isSharedBuffer(buffer: ArrayBufferLike): boolean {
  return buffer[Symbol.toStringTag] === "SharedArrayBuffer";
}
