import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";
import { wasm } from "./test/wasm-plugin.ts";

const build = (file: string) => fileURLToPath(new URL(`build/${file}`, import.meta.url));

export default defineConfig({
  plugins: [wasm],
  test: {
    include: ["test/**/*.test.ts"],
    // Copies of the tests are there while mutants are tried.
    exclude: ["test/mutants/**", "**/node_modules/**"],
    // The collector is called by hand where a test waits for a dropped matrix to be freed.
    execArgv: ["--expose-gc"],
    testTimeout: 60_000,
    // Vitest leaves a processor to the screen: of two, that is half.
    maxWorkers: "100%",
    // The tests import the package by its name, as a user does, and get what was built.
    alias: {
      "adanorm/reference": build("reference.js"),
      "adanorm/url": build("url.js"),
      "adanorm/workerd": build("workerd.js"),
      adanorm: build("index.js"),
    },
  },
});
