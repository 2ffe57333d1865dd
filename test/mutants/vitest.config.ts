/**
 * The tests on src/ as it stands, not on what was built of it: for coverage. Only the .wasm files are those in build/.
 */
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { defineConfig, type ViteUserConfig } from "vitest/config";
import { wasm } from "../wasm-plugin.ts";

type Plugin = NonNullable<ViteUserConfig["plugins"]>[number];

const root = fileURLToPath(new URL("../..", import.meta.url));
const source = (file: string) => `${root}src/${file}`;

/** TensorFlow.js for src/ and for its tests alike: the one that has a wasm backend beside it. */
const fromProject = createRequire(`${root}test/tfjs/project/package.json`);
const tensorFlow: Plugin = {
  name: "tensorflow",
  enforce: "pre",
  resolveId: (id) => (id.startsWith("@tensorflow/") ? { id: fromProject.resolve(id), external: true } : undefined),
};

/** The tests of threads set what the sources have, and workers run what was built: they are on threads of their own. */
const threads: Plugin = {
  name: "threads",
  enforce: "pre",
  resolveId: (id) => (id.endsWith("/build/threads.js") ? source("threads.ts") : undefined),
  transform: (code, id) =>
    id === source("threads/spawn.ts") ? code.replaceAll('"./thread.js"', '"../../build/thread.js"') : undefined,
};

export default defineConfig({
  root,
  plugins: [wasm, tensorFlow, threads],
  test: {
    include: ["test/*.test.ts", "test/threads/*.test.ts", "test/tfjs/vitest.ts"],
    // What is measured of the built package, and what takes long and reaches nothing that others do not.
    exclude: ["test/{module,digest,accuracy,sizes,theorem,layout,structure,figures}.test.ts"],
    execArgv: ["--expose-gc"],
    maxWorkers: 2,
    testTimeout: 60_000,
    coverage: {
      provider: "v8",
      include: ["src/**/*.ts"],
      // The first has no code. The last runs on threads of its own, where it is not seen; test/threads/ tests it as it was built.
      exclude: ["src/types.ts", "src/*.d.ts", "src/thread.ts"],
      reporter: ["text", "json-summary"],
      reportsDirectory: fileURLToPath(new URL("out/coverage", import.meta.url)),
      reportOnFailure: true,
      thresholds: { branches: 100 },
    },
    alias: {
      "adanorm/reference": source("reference.ts"),
      "adanorm/url": source("url.ts"),
      "adanorm/workerd": source("workerd.ts"),
      "adanorm/tfjs": source("tfjs.ts"),
      adanorm: source("index.ts"),
    },
  },
});
