/** The recipe of docs/embeddings.md, run as it stands there, against the same steps in double precision. */
import { execFileSync } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import * as reference from "adanorm/reference";
import { expect, it } from "vitest";

const [TEXTS, LENGTH, SIZE, DIMENSIONS] = [2, 3, 16, 8];

it("the recipe gives what its steps give", () => {
  const page = readFileSync(new URL("../docs/embeddings.md", import.meta.url), "utf8");
  const programs = [...page.matchAll(/^```js\n(.*?)^```$/gms)].map((match) => match[1] as string);
  expect(programs.length).toBe(1);
  // In the package's own folder, "adanorm" is the package.
  const file = fileURLToPath(new URL("../build/embeddings-recipe.mjs", import.meta.url));
  writeFileSync(file, programs[0] as string);
  let printed: string;
  try {
    printed = execFileSync(process.execPath, [file], { encoding: "utf8" });
  } finally {
    rmSync(file);
  }
  const [vectors, values, scale, bits] = JSON.parse(printed) as number[][];

  const tokens = Float32Array.from({ length: TEXTS * LENGTH * SIZE }, (_, i) => Math.sin(i * i));
  const counts = [3, 2];
  const means = Float32Array.from({ length: TEXTS * SIZE }, (_, i) => {
    const [text, column] = [Math.floor(i / SIZE), i % SIZE];
    const count = counts[text] as number;
    const terms = Array.from(
      { length: count },
      (_, token) => tokens[(text * LENGTH + token) * SIZE + column] as number,
    );
    return terms.reduce((sum, term) => sum + term, 0) / count;
  });
  const normalised = reference.forward("layerNorm", means, { size: SIZE }).y;
  const unit = reference.forward("l2Norm", normalised, { size: DIMENSIONS, rowStride: SIZE }).y;
  expect(vectors?.length).toBe(TEXTS * DIMENSIONS);
  vectors?.forEach((value, i) => {
    expect(Math.abs(value - (unit[i] as number))).toBeLessThan(1e-6);
  });
  const given = vectors as number[];
  const exact = reference.int8(given, { size: DIMENSIONS });
  expect([values, scale]).toEqual([[...exact.values], [...exact.scale]]);
  expect(bits).toEqual([...reference.bits(given, { size: DIMENSIONS })]);
});
