/**
 * `npm run digest`: computes the digests of the fixed corpus and compares them with the committed ones; with `--write`, it
 * commits new ones to test/digest.json, which a change of the results' bytes calls for and nothing else does.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { load } from "adanorm";
import { digest } from "../test/digest.ts";

const { values } = parseArgs({ options: { write: { type: "boolean", default: false } } });
const file = new URL("../test/digest.json", import.meta.url);
const found = await digest(await load(), "arrays");
console.log(`rows    ${found.rows}\ncolumns ${found.columns}`);
if (values.write) {
  writeFileSync(file, `${JSON.stringify(found, null, 2)}\n`);
  console.log("written to test/digest.json");
} else {
  const committed = JSON.parse(readFileSync(file, "utf8"));
  const same = committed.rows === found.rows && committed.columns === found.columns;
  console.log(same ? "as committed" : `committed:\nrows    ${committed.rows}\ncolumns ${committed.columns}`);
  process.exitCode = same ? 0 : 1;
}
