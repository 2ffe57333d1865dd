/** A Worker in Miniflare: prints the version of workerd and the report as JSON. Argument: the bundled Worker. */
import { createRequire } from "node:module";
import { dirname } from "node:path";
import { argv } from "node:process";
import { Miniflare } from "miniflare";

const { version } = createRequire(import.meta.url)("workerd/package.json");

const miniflare = new Miniflare({
  rootPath: dirname(argv[2]),
  scriptPath: argv[2],
  modules: true,
  modulesRules: [{ type: "CompiledWasm", include: ["**/*.wasm"] }],
  compatibilityDate: "2026-04-26",
  cf: false,
});
try {
  const response = await miniflare.dispatchFetch("http://localhost");
  if (!response.ok) throw new Error(await response.text());
  console.log(JSON.stringify({ version, report: await response.json() }));
} finally {
  await miniflare.dispose();
}
