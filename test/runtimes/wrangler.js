/**
 * The Worker project in the current directory, served by `wrangler dev --local`: prints the version of workerd and the report
 * as JSON.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createRequire } from "node:module";
import { execPath } from "node:process";
import { fileURLToPath } from "node:url";
import { stripVTControlCharacters } from "node:util";

const { version } = createRequire(import.meta.url)("workerd/package.json");
const cli = fileURLToPath(new URL("node_modules/wrangler/bin/wrangler.js", import.meta.url));

// Port 0: any that is free.
const wrangler = spawn(execPath, [cli, "dev", "--local", "--ip=127.0.0.1", "--port=0", "--inspector-port=0"], {
  stdio: ["ignore", "pipe", "pipe"],
});

/** The address at which it listens. A failed build does not end it, because it waits until the error is corrected. */
function listening() {
  return new Promise((resolve, reject) => {
    let output = "";
    const read = (text) => {
      output += stripVTControlCharacters(text);
      const [, url] = /Ready on (http:\S+)\n/.exec(output) ?? [];
      if (url) resolve(url);
      else if (/\[ERROR\].*\n\n/s.test(output)) reject(new Error(output.replace(/^ +at .*\n/gm, "").trim()));
    };
    for (const stream of [wrangler.stdout, wrangler.stderr]) stream.setEncoding("utf8").on("data", read);
    wrangler.on("error", reject).on("close", () => reject(new Error(`wrangler dev ended: ${output.trim()}`)));
  });
}

try {
  const response = await fetch(await listening());
  if (!response.ok) throw new Error(await response.text());
  console.log(JSON.stringify({ version, report: await response.json() }));
} finally {
  if (wrangler.kill()) await once(wrangler, "exit");
}
