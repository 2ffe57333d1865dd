/** Some of the random cases and hostile arguments of `npm run fuzz`, the same ones every time. */
import { expect, test } from "vitest";
import { CHUNK, type Counts, fuzzChunk } from "./fuzz/chunk.js";

test.each([1, 2, 3, 4])("random cases hold: seed %i", async (seed) => {
  const counts: Counts = {};
  // What failed, with a program that shows it.
  expect(await fuzzChunk(seed, CHUNK, counts)).toBeUndefined();
  const { norm = 0, samples = 0, channels = 0, rows = 0, matrix = 0, hostile = 0 } = counts;
  expect(norm + samples + channels + rows + matrix + hostile).toBe(CHUNK);
  expect(Math.min(norm, samples, channels, rows, matrix, hostile)).toBeGreaterThan(CHUNK / 24);
});
