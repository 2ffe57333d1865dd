/** Builds everything in build/: the .wasm files, the bundles that inline them, the declarations. */
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = fileURLToPath(new URL("..", import.meta.url));

const MODULES = ["adanorm.wasm", "adanorm.relaxed.wasm"];

/** Runs the script of an installed package without a shell, on every platform. */
function run(script, ...args) {
  execFileSync(process.execPath, [`${root}node_modules/${script}`, ...args], { cwd: root, stdio: "inherit" });
}

for (const target of ["release", "relaxed"]) run("assemblyscript/bin/asc.js", "--target", target);

/** Lets a module's name stand for its bytes. */
const byName = {
  name: "modules by their names",
  setup({ onLoad }) {
    onLoad({ filter: /\.wasm$/ }, ({ path }) => ({ contents: basename(path), loader: "binary" }));
  },
};

/** Replaces the names by the bytes in base64. This is done here because the limit for the length of lines would break them. */
function withModules(code) {
  const base64 = (data) => Buffer.from(data).toString("base64");
  return MODULES.reduce(
    (text, name) => text.replace(`"${base64(name)}"`, () => `"${base64(readFileSync(`${root}build/${name}`))}"`),
    code,
  );
}

/**
 * Bundles one entry with everything it imports. Its module is inside as bytes, or the host loads the file beside the
 * bundle.
 */
async function bundle(entry) {
  const { outputFiles } = await build({
    absWorkingDir: root,
    entryPoints: [`src/${entry}.ts`],
    outdir: "build",
    bundle: true,
    format: "esm",
    platform: "neutral",
    target: "es2022",
    mainFields: ["module", "main"],
    conditions: ["import"],
    plugins: [byName],
    external: ["./relaxed.js", ...MODULES.map((name) => `./${name}`), "@tensorflow/*"],
    banner: { js: "/*! adanorm, MIT */" },
    minify: true,
    // An uncaught error shows its line of code, which must be short.
    lineLimit: 120,
    logLevel: "warning",
    write: false,
  });
  for (const { path, text } of outputFiles) writeFileSync(path, withModules(text));
}

await Promise.all(["index", "relaxed", "workerd", "url", "reference", "tfjs"].map(bundle));

run("typescript/bin/tsc", "-p", "tsconfig.build.json");
