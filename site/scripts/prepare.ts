/** Makes what the site has of the rest of the repository: the documents, the reference of the API, the digits, the weights. */
import { execFileSync } from "node:child_process";
import { copyFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { writeDigits } from "./digits.ts";
import { writeDocuments } from "./documents.ts";

const site = fileURLToPath(new URL("..", import.meta.url));

writeDocuments();
writeDigits();
copyFileSync(join(site, "../examples/generate/weights.bin"), join(site, "public/weights.bin"));
const typedoc = join(site, "node_modules/typedoc/bin/typedoc");
execFileSync(process.execPath, [typedoc, "--options", join(site, "typedoc.jsonc"), "--logLevel", "Warn"], {
  stdio: "inherit",
});
