/** Builds everything in build/: the .wasm files, the bundles that inline them, the declarations. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = fileURLToPath(new URL("..", import.meta.url));

/** Runs the script of an installed package, without a shell and whatever the platform. */
function run(script, ...args) {
  execFileSync(process.execPath, [`${root}node_modules/${script}`, ...args], { cwd: root, stdio: "inherit" });
}

for (const target of ["release", "relaxed"]) run("assemblyscript/bin/asc.js", "--target", target);

const { version: loader } = JSON.parse(readFileSync(`${root}node_modules/@assemblyscript/loader/package.json`, "utf8"));
const notice = `/*! adanorm, MIT. With @assemblyscript/loader ${loader}, Copyright Daniel Wirtz and others, Apache-2.0. */`;

/** Bundles one entry, whole: its wasm as bytes inside, no import but the relaxed build. */
function bundle(entry, banner = "") {
  return build({
    absWorkingDir: root,
    entryPoints: [`src/${entry}.ts`],
    outdir: "build",
    bundle: true,
    format: "esm",
    platform: "neutral",
    target: "es2022",
    mainFields: ["module", "main"],
    conditions: ["import"],
    loader: { ".wasm": "binary" },
    external: ["./relaxed.js"],
    banner: { js: banner },
    minify: true,
    logLevel: "warning",
  });
}

await Promise.all([bundle("index", notice), bundle("relaxed"), bundle("reference")]);

run("typescript/bin/tsc", "-p", "tsconfig.build.json");
