/** The digits that come with the page. scripts/digits.ts writes them. */
import { type Digits, PIXELS } from "../../../examples/digits/digits.ts";

export const TRAINING_DIGITS = 3000;
export const TEST_DIGITS = 500;

export interface TrainingData {
  train: Digits;
  test: Digits;
}

/** Takes the file apart: all pixels, then all labels, first those of the training digits. */
export function parseDigits(bytes: Uint8Array): TrainingData {
  const count = TRAINING_DIGITS + TEST_DIGITS;
  const expected = count * (PIXELS + 1);
  if (bytes.length !== expected) throw new Error(`digits: expected ${expected} bytes, got ${bytes.length}`);
  const part = (from: number, to: number): Digits => ({
    count: to - from,
    pixels: bytes.subarray(from * PIXELS, to * PIXELS),
    labels: bytes.subarray(count * PIXELS + from, count * PIXELS + to),
  });
  return { train: part(0, TRAINING_DIGITS), test: part(TRAINING_DIGITS, count) };
}

/** Fetches them. The file is compressed. */
export async function fetchDigits(url: string): Promise<TrainingData> {
  const response = await fetch(url);
  if (!response.ok || !response.body) throw new Error(`digits: ${url}: status ${response.status}`);
  const plain = response.body.pipeThrough(new DecompressionStream("gzip"));
  return parseDigits(new Uint8Array(await new Response(plain).arrayBuffer()));
}
