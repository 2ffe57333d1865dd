/**
 * Installs the packages of a folder that has a package.json of its own, if those of its lock file are not there yet:
 * `node scripts/install.js site`.
 */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";

const folder = resolve(process.argv[2] ?? "");
const lock = createHash("sha256")
  .update(readFileSync(join(folder, "package-lock.json")))
  .digest("hex");
/** Holds the hash of the lock file that was installed. npm ci deletes it with everything else. */
const mark = join(folder, "node_modules/.installed");

if (!existsSync(mark) || readFileSync(mark, "utf8") !== lock) {
  execFileSync("npm", ["ci", "--prefix", folder, "--ignore-scripts", "--no-audit", "--no-fund"], { stdio: "inherit" });
  writeFileSync(mark, lock);
}
