/** Bodies as they come in: binary ones pass through row by row, text is read up to a limit. */
import type { Norm } from "adanorm";
import { refusal } from "./errors.ts";

/** What is normalised at a time: as many rows as fit, one at the least. */
const BLOCK_BYTES = 2 ** 16;

/**
 * Rows of little-endian float32 in, the same normalised out.
 *
 * Chunks end where they like, within a row or within a float: whole rows are answered as soon as they are there, and
 * what is left waits for the rest. Memory holds one block of rows and the answer to it, for the next part of the body is
 * read when the client has taken the answer to the last.
 *
 * What is wrong with the body by then comes too late for a status: the stream breaks off.
 */
export function normaliseRows(body: ReadableStream<Uint8Array>, norm: Norm, most: number): ReadableStream<Uint8Array> {
  const rowBytes = norm.size * 4;
  const reader = body.getReader({ mode: "byob" });
  // Is read into, behind the part of a row that waits in it, and so goes to the reader and comes back.
  let block = new ArrayBuffer(rowBytes * Math.max(1, Math.floor(BLOCK_BYTES / rowBytes)));
  let filled = 0;
  let total = 0;

  /** The next rows as they are to be; undefined at the end of the body. */
  async function next(): Promise<Uint8Array | undefined> {
    for (;;) {
      const { value, done } = await reader.read(new Uint8Array(block, filled));
      if (done) {
        if (filled > 0) throw refusal(400, "body", `whole rows of ${rowBytes} bytes`, `${total} bytes`);
        return undefined;
      }
      block = value.buffer;
      filled += value.length;
      total += value.length;
      if (total > most) throw refusal(413, "body", `at most ${most} bytes`, "more");
      const whole = filled - (filled % rowBytes);
      if (whole === 0) continue;
      // In the order of the host, which all hosts of WebAssembly have in common with the body: little-endian.
      const { y } = norm.forward(new Float32Array(block, 0, whole / 4));
      new Uint8Array(block).copyWithin(0, whole, filled);
      filled -= whole;
      return new Uint8Array(y.buffer);
    }
  }

  return new ReadableStream(
    {
      async pull(controller) {
        try {
          const rows = await next();
          if (rows) controller.enqueue(rows);
          else controller.close();
        } catch (error) {
          // Nobody is to go on sending.
          await reader.cancel(error);
          throw error;
        }
      },
      cancel: (reason) => reader.cancel(reason),
    },
    // Nothing is read ahead.
    { highWaterMark: 0 },
  );
}

/** The text of a body. A client may keep its length to itself, so it is counted while it comes. */
export async function readText(body: ReadableStream<Uint8Array> | null, most: number): Promise<string> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let text = "";
  let total = 0;
  for await (const chunk of body ?? []) {
    total += chunk.length;
    if (total > most) throw refusal(413, "body", `at most ${most} bytes`, "more");
    text += decode(decoder, chunk);
  }
  return text + decode(decoder);
}

function decode(decoder: TextDecoder, chunk?: Uint8Array): string {
  try {
    return chunk ? decoder.decode(chunk as Uint8Array<ArrayBuffer>, { stream: true }) : decoder.decode();
  } catch {
    throw refusal(400, "body", "JSON in UTF-8", "bytes that are not");
  }
}
