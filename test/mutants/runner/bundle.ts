/** Tests and src/ as one program, in as many files as there are tests. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, relative } from "node:path";
import { pathToFileURL } from "node:url";
import { build, type Metafile, type Plugin } from "esbuild";

/** What the tests import, and where it is found from the root. */
const SOURCES: Record<string, string> = {
  adanorm: "src/index.ts",
  "adanorm/reference": "src/reference.ts",
  "adanorm/url": "src/url.ts",
  "adanorm/tfjs": "src/tfjs.ts",
  "adanorm/workerd": "src/workerd.ts",
  vitest: "test/mutants/runner/vitest.ts",
};

/** What workers run to be threads of the kernels, and where it is named: in src/ and in tests, in these words. */
const THREAD = "src/thread.ts";
const THREAD_NAMES = /"(\.|(\.\.\/)+build)\/thread\.js"/g;

export interface Program {
  /** The file to run. */
  file: string;
  /** For each file with tests, what differs where that file, or one of ours that it imports, does. */
  fingerprints: ReadonlyMap<string, string>;
}

/** The files that one imports, and those that these import: but for src/, which the mutants are in, and packages. */
function ownInputs(file: string, { inputs }: Pick<Metafile, "inputs">, found = new Set<string>()): Set<string> {
  if (found.has(file) || !file.startsWith("test/")) return found;
  found.add(file);
  for (const { path } of inputs[file]?.imports ?? []) ownInputs(path, { inputs }, found);
  return found;
}

function fingerprintOf(root: string, file: string, metafile: Metafile): string {
  const hash = createHash("sha256");
  for (const input of [...ownInputs(file, metafile)].sort()) hash.update(readFileSync(join(root, input)));
  return hash.digest("hex").slice(0, 12);
}

/**
 * @param root the folder of the project, or of a copy of it with mutants in src/.
 * @param tests the files with tests, from the root.
 * @param builtReference whether they use the reference as it was built, which no mutant is in and which is faster.
 * @param outdir where the program goes.
 * @param overlay a folder whose build/ has the .wasm files, and which is otherwise as the root is to tests.
 */
export async function bundle(
  root: string,
  tests: string[],
  builtReference: boolean,
  outdir: string,
  overlay = root,
): Promise<Program> {
  const sources: Record<string, string> = {
    ...SOURCES,
    ...(builtReference && { "adanorm/reference": "build/reference.js" }),
  };
  const project = createRequire(join(root, "test/tfjs/project/package.json"));
  const plugin: Plugin = {
    name: "mutants",
    setup(bundler) {
      bundler.onResolve({ filter: /^(adanorm|vitest)(\/|$)/ }, ({ path }) => ({
        path: join(root, sources[path] as string),
      }));
      // What the tests of threads import, to set limits: those that src/ has.
      bundler.onResolve({ filter: /\/build\/threads\.js$/ }, () => ({ path: join(root, "src/threads.ts") }));
      bundler.onResolve({ filter: /^virtual:files$/ }, ({ path }) => ({ path, namespace: "files" }));
      bundler.onLoad({ filter: /.*/, namespace: "files" }, () => {
        const lines = tests.map((file) => `${JSON.stringify(file)}: () => import(${JSON.stringify(join(root, file))})`);
        return { contents: `export const files = {${lines.join(",")}};`, resolveDir: root };
      });
      // A host that compiles it gives the module, where others are given the bytes.
      bundler.onResolve({ filter: /^\.\/adanorm.*\.wasm$/ }, ({ path }) => ({
        path: join(overlay, "build", path),
        namespace: "module",
      }));
      bundler.onResolve({ filter: /^(\.\.\/)+build\/.*\.wasm$/ }, ({ path }) => ({
        path: join(overlay, path.slice(path.indexOf("build/"))),
      }));
      bundler.onLoad({ filter: /.*/, namespace: "module" }, ({ path }) => ({
        contents: `import bytes from ${JSON.stringify(path)}; export default new WebAssembly.Module(bytes);`,
        resolveDir: root,
      }));
      // TensorFlow.js for src/ and for its tests alike: the one that has a wasm backend beside it.
      bundler.onResolve({ filter: /^@tensorflow\// }, ({ path }) => ({ path, namespace: "package" }));
      bundler.onLoad({ filter: /.*/, namespace: "package" }, ({ path }) => ({
        contents: `module.exports = requireHere(${JSON.stringify(project.resolve(path))});`,
        resolveDir: root,
      }));
      // Files that are named relative to a module are where the module was, but threads run what is bundled here.
      const thread = JSON.stringify(String(pathToFileURL(join(outdir, "thread.mjs"))));
      bundler.onLoad({ filter: /\.ts$/ }, ({ path }) => ({
        contents: readFileSync(path, "utf8")
          .replaceAll("import.meta.url", JSON.stringify(String(pathToFileURL(join(overlay, relative(root, path))))))
          .replaceAll(THREAD_NAMES, thread),
        loader: "ts",
      }));
    },
  };
  const { metafile } = await build({
    absWorkingDir: root,
    metafile: true,
    entryPoints: { worker: "test/mutants/runner/worker.ts", thread: THREAD },
    outdir,
    outExtension: { ".js": ".mjs" },
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "node",
    target: "node20",
    loader: { ".wasm": "binary" },
    banner: { js: 'import { createRequire } from "node:module"; const requireHere = createRequire(import.meta.url);' },
    plugins: [plugin],
    logLevel: "error",
  });
  const fingerprints = tests.map((file) => [file, fingerprintOf(root, file, metafile)] as const);
  return { file: join(outdir, "worker.mjs"), fingerprints: new Map(fingerprints) };
}
