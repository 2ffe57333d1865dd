/** The code of the guide and of the recipes: each file runs, and prints what its page says. `npm run check:site` compiles them. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { promisify } from "node:util";
import type { Tally } from "../../test/portable/tally.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const site = join(root, "site");
const pages = ["guide", "recipes"].flatMap((folder) =>
  readdirSync(join(site, folder)).map((file) => join(site, folder, file)),
);

/** What pages say that each file prints. */
function promises(): Map<string, string> {
  const found = new Map<string, string>();
  for (const page of pages) {
    const shown = readFileSync(page, "utf8").matchAll(/^<<< @\/snippets\/(\S+)\n\nIt prints:\n\n```txt\n(.*?)^```$/gms);
    for (const [, file, output] of shown) found.set(file as string, output as string);
  }
  return found;
}

export async function checkSnippets({ test }: Tally): Promise<void> {
  const said = promises();
  // One process for each, where the command of tsx would start two.
  const tsx = pathToFileURL(join(root, "node_modules/tsx/dist/loader.mjs")).href;
  for (const file of readdirSync(join(site, "snippets"))) {
    await test(`snippets/${file} prints what its page says`, async () => {
      assert.ok(said.has(file), "no page shows it");
      const { stdout } = await promisify(execFile)(process.execPath, ["--import", tsx, join(site, "snippets", file)]);
      assert.equal(stdout, said.get(file));
    });
  }
  await test("every file that a page shows is there", () => {
    const files = readdirSync(join(site, "snippets"));
    assert.deepEqual(
      [...said.keys()].filter((file) => !files.includes(file)),
      [],
    );
  });
}
