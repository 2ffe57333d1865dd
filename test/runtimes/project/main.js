/** The suite in Node, Deno or Bun: prints the version and the report as JSON. */
import { readFileSync } from "node:fs";
import { versions } from "node:process";
import { runSuite } from "./suite.js";

const bytes = Uint8Array.from(readFileSync(new URL(import.meta.resolve("adanorm/wasm")))).buffer;
const module = await WebAssembly.compile(bytes);
// The copy that the package imports on demand.
const { LIMITS: limits } = await import(new URL("threads.js", import.meta.resolve("adanorm")));
const report = await runSuite({ bytes, module, limits });
console.log(JSON.stringify({ version: versions.deno ?? versions.bun ?? versions.node, report }));
