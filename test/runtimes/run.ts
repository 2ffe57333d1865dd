/** The portable suite, on the packed package, in every runtime that is not a browser. */
import { cpSync, existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { broken, finish, judge, makeProject, missing, writeSuite } from "../portable/project.ts";
import { HALVES, RUNTIMES } from "./runtimes.ts";

const project = makeProject("runtimes");
// Also if the run is interrupted.
process.on("exit", project.remove);

cpSync(fileURLToPath(new URL("project/", import.meta.url)), project.folder, { recursive: true });
await writeSuite(join(project.folder, "suite.js"));
const HOW = "npm --prefix test/runtimes ci installs it, on Linux and x64";
for (const { name, needs, run } of RUNTIMES) {
  if (!existsSync(needs)) {
    missing(name, HOW);
    continue;
  }
  try {
    const { version, report } = await run(project.folder);
    judge(name, version, report);
  } catch (error) {
    broken(name, error);
  }
}
if (existsSync(HALVES.needs)) {
  try {
    const printed = await HALVES.run(project.folder);
    console.log(`ok: ${HALVES.name}\n    ${printed.trim()}`);
  } catch (error) {
    broken(HALVES.name, error);
  }
} else {
  missing(HALVES.name, HOW);
}
finish();
