/** Builds everything in build/: the .wasm files, the bundles that inline them with their source maps, the declarations. */
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import remapping from "@jridgewell/remapping";
import { build } from "esbuild";
import MagicString from "magic-string";
import ts from "typescript";
import { encode } from "./embed.js";

const root = fileURLToPath(new URL("..", import.meta.url));

const EMBEDDED = `${root}src/embedded.ts`;

const MODULES = ["adanorm.wasm", "adanorm.relaxed.wasm", "adanorm.shared.wasm", "adanorm.shared.relaxed.wasm"];

/** Bundles that others import on demand. */
const ON_DEMAND = ["relaxed", "threads", "shared", "shared-relaxed"];

/** Runs the script of an installed package, without a shell and whatever the platform. */
function run(script, ...args) {
  execFileSync(process.execPath, [`${root}node_modules/${script}`, ...args], { cwd: root, stdio: "inherit" });
}

for (const target of ["release", "relaxed", "shared", "shared-relaxed"])
  run("assemblyscript/bin/asc.js", "--target", target);

/** In the bundles a module is text: here its name stands for that. */
const byName = {
  name: "modules by their names",
  setup({ onLoad }) {
    onLoad({ filter: /\.wasm$/ }, ({ path }) => ({
      contents: `import { decode } from ${JSON.stringify(EMBEDDED)}; export default decode("${basename(path)}");`,
      loader: "js",
    }));
  },
};

/** The alphabet of the texts is written once, where it is read: the build reads it from there. */
async function readAlphabet() {
  const { outputFiles } = await build({ entryPoints: [EMBEDDED], bundle: true, format: "esm", write: false });
  const { ALPHABET } = await import(`data:text/javascript,${encodeURIComponent(outputFiles[0].text)}`);
  return ALPHABET;
}

const alphabet = await readAlphabet();

/** Replaces the names by the texts. This is done here because the limit for the length of lines would break them. */
function insertModules(code) {
  for (const name of MODULES) {
    code.replace(`("${name}")`, () => `("${encode(readFileSync(`${root}build/${name}`), alphabet)}")`);
  }
}

/** Mends the names of files that the limit for lines has broken: Vite looks for just these words on one line. */
function mendFiles(code) {
  code.replace(
    /new\s+URL\(\s*("[^"]*")\s*,\s*import\s*\.\s*meta\s*\.\s*url/g,
    (_, name) => `new URL(${name.replace("\\\n", "")},import.meta.url`,
  );
}

/** Writes a bundle and its source map, which leads to the files of src/ that the package has too. */
function writeBundle(path, text, map) {
  const code = new MagicString(text);
  mendFiles(code);
  insertModules(code);
  const whole = remapping([code.generateMap({ hires: "boundary" }), map], () => null);
  // The texts of the modules stand for no source.
  writeFileSync(`${path}.map`, JSON.stringify(whole));
  writeFileSync(path, `${code}//# sourceMappingURL=${basename(path)}.map\n`);
}

/** Bundles one entry, whole: its module as bytes inside, or left to the host where it lies beside the bundle. */
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
    external: [...ON_DEMAND.map((name) => `./${name}.js`), ...MODULES.map((name) => `./${name}`), "@tensorflow/*"],
    banner: { js: "/*! adanorm, MIT */" },
    minify: true,
    // An uncaught error shows the line that it comes from: a short one, not all of the code.
    lineLimit: 400,
    sourcemap: "external",
    sourcesContent: false,
    logLevel: "warning",
    write: false,
  });
  const [map, code] = outputFiles;
  writeBundle(code.path, code.text, map.text);
}

/** Writes a file as it is, without its types: the reference is there to be read. */
function transpile(name) {
  const { outputText } = ts.transpileModule(readFileSync(`${root}src/${name}.ts`, "utf8"), {
    compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ES2022 },
  });
  writeFileSync(`${root}build/${name}.js`, outputText);
}

await Promise.all(["index", ...ON_DEMAND, "thread", "workerd", "url", "tfjs"].map(bundle));
for (const name of ["reference", "reference-options", "reference-rows", "half"]) transpile(name);

run("typescript/bin/tsc", "-p", "tsconfig.build.json");
