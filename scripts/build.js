/** Builds everything in build/: the .wasm files, the bundles that inline them, the declarations. */
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = fileURLToPath(new URL("..", import.meta.url));

/** Runs the script of an installed package, without a shell and whatever the platform. */
function run(script, ...args) {
  execFileSync(process.execPath, [`${root}node_modules/${script}`, ...args], { cwd: root, stdio: "inherit" });
}

for (const target of ["release", "relaxed"]) run("assemblyscript/bin/asc.js", "--target", target);

/** Bundles one entry, whole: its wasm as bytes inside, or left to the host where it lies beside the bundle. */
function bundle(entry) {
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
    external: ["./relaxed.js", "./adanorm.wasm", "./adanorm.relaxed.wasm", "@tensorflow/*"],
    banner: { js: "/*! adanorm, MIT */" },
    minify: true,
    logLevel: "warning",
  });
}

await Promise.all(["index", "relaxed", "workerd", "url", "reference", "tfjs"].map(bundle));

run("typescript/bin/tsc", "-p", "tsconfig.build.json");
