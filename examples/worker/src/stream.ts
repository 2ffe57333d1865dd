/** Bodies as they arrive: binary bodies pass through row by row, text is read up to a limit. */
import { refusal } from "./errors.ts";
import type { Pipeline } from "./pipeline.ts";

/** Bytes that are normalised at a time: as many rows as fit, at least one. */
const BLOCK_BYTES = 2 ** 16;

/**
 * Takes rows of little-endian float32 and returns them normalised.
 *
 * A chunk may end within a row or within a float. Whole rows are answered as soon as they are there, and the remainder
 * waits for the next chunk. Memory holds one block of rows and its answer, because the next part of the body is read when
 * the client has taken the answer to the last part.
 *
 * An error in the body comes too late for a status, so the stream breaks off.
 */
export function normaliseRows(
  body: ReadableStream<Uint8Array>,
  pipeline: Pick<Pipeline, "size" | "run">,
  most: number,
): ReadableStream<Uint8Array> {
  const rowBytes = pipeline.size * 4;
  const reader = body.getReader({ mode: "byob" });
  // The buffer that the reader fills, behind the part of a row that waits in it. The reader takes it and gives it back.
  let block = new ArrayBuffer(rowBytes * Math.max(1, Math.floor(BLOCK_BYTES / rowBytes)));
  let filled = 0;
  let total = 0;

  /** The next rows, normalised; undefined at the end of the body. */
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
      // Float32Array uses the byte order of the host. All hosts of WebAssembly are little-endian, as the body is.
      const { values } = pipeline.run(new Float32Array(block, 0, whole / 4));
      new Uint8Array(block).copyWithin(0, whole, filled);
      filled -= whole;
      return new Uint8Array(values.buffer);
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
          // The client must stop sending.
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

/** The text of a body. A client need not say its length, so the bytes are counted as they arrive. */
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
