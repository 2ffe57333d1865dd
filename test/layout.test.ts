/** The layout that src/ writes blocks by: that of the classes in assembly/ that kernels read them by. */
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { makeLayout } from "../scripts/layout.ts";

it("src/layout.ts is what the classes give", async () => {
  const committed = readFileSync(new URL("../src/layout.ts", import.meta.url), "utf8");
  expect(committed, "npm run layout writes it").toBe(await makeLayout());
});
