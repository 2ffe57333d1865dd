/** Builds everything in build/: the .wasm files, the bundles that inline them, the declarations. */
import { execFileSync } from "node:child_process";
import { readFileSync, rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = fileURLToPath(new URL("..", import.meta.url));

/** Runs the script of an installed package, without a shell and whatever the platform. */
function run(script, ...args) {
  execFileSync(process.execPath, [`${root}node_modules/${script}`, ...args], { cwd: root, stdio: "inherit" });
}

for (const name of ["index", "relaxed", "reference"]) rmSync(`${root}build/${name}.js`, { force: true });

for (const target of ["release", "relaxed"]) run("assemblyscript/bin/asc.js", "--target", target);

const { version: loader } = JSON.parse(readFileSync(`${root}node_modules/@assemblyscript/loader/package.json`, "utf8"));
const notice = `/*! adanorm, MIT. With @assemblyscript/loader ${loader}, Copyright Daniel Wirtz and others, Apache-2.0. */`;

await build({
  absWorkingDir: root,
  entryPoints: ["src/index.ts", "src/relaxed.ts", "src/reference.ts"],
  outdir: "build",
  bundle: true,
  format: "esm",
  platform: "neutral",
  target: "es2022",
  mainFields: ["module", "main"],
  conditions: ["import"],
  loader: { ".wasm": "binary" },
  external: ["./relaxed.js"],
  minify: true,
  banner: { js: notice },
  logLevel: "warning",
});

run("typescript/bin/tsc", "-p", "tsconfig.build.json");
