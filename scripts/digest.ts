/**
 * `npm run digest`: computes the digests of the fixed corpus and compares them with the committed ones; with `--write`,
 * it writes new ones to test/digest.json. Only a change of the results' bytes needs that.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { isDeepStrictEqual, parseArgs } from "node:util";
import { load } from "adanorm";
import { type Digests, digest } from "../test/digest.ts";

const { values } = parseArgs({ options: { write: { type: "boolean", default: false } } });
const file = new URL("../test/digest.json", import.meta.url);
const found = await digest(await load(), "arrays");
const lines = (digests: Record<string, string>) =>
  Object.entries(digests).map(([part, hash]) => `${part.padEnd(13)} ${hash}`);
console.log(lines({ ...found }).join("\n"));
if (values.write) {
  writeFileSync(file, `${JSON.stringify(found, null, 2)}\n`);
  console.log("written to test/digest.json");
} else {
  const committed: Digests = JSON.parse(readFileSync(file, "utf8"));
  const same = isDeepStrictEqual(found, committed);
  console.log(same ? "as committed" : `committed:\n${lines({ ...committed }).join("\n")}`);
  process.exitCode = same ? 0 : 1;
}
