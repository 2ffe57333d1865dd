/** Bundles tests and src/ as one program, with one file for each file of tests. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, relative } from "node:path";
import { pathToFileURL } from "node:url";
import { build, type Plugin } from "esbuild";

/** The imports of the tests, and their paths from the root. */
const SOURCES: Record<string, string> = {
  adanorm: "src/index.ts",
  "adanorm/reference": "src/reference.ts",
  "adanorm/url": "src/url.ts",
  "adanorm/tfjs": "src/tfjs.ts",
  "adanorm/workerd": "src/workerd.ts",
  vitest: "test/mutants/runner/vitest.ts",
};

/**
 * @param root the folder of the project, or of a copy of it with mutants in src/.
 * @param tests the files with tests, from the root.
 * @param builtReference whether they use the built reference, which has no mutants and is faster.
 * @param outdir the folder of the program.
 * @param overlay a folder that looks to tests like the root, except that its build/ has the .wasm files.
 * @returns the file to run.
 */
export async function bundle(
  root: string,
  tests: string[],
  builtReference: boolean,
  outdir: string,
  overlay = root,
): Promise<string> {
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
      bundler.onResolve({ filter: /^virtual:files$/ }, ({ path }) => ({ path, namespace: "files" }));
      bundler.onLoad({ filter: /.*/, namespace: "files" }, () => {
        const lines = tests.map((file) => `${JSON.stringify(file)}: () => import(${JSON.stringify(join(root, file))})`);
        return { contents: `export const files = {${lines.join(",")}};`, resolveDir: root };
      });
      // A host that compiles .wasm files gives the module; other hosts give the bytes.
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
      // TensorFlow.js for src/ and for its tests: the installation that has the wasm backend too.
      bundler.onResolve({ filter: /^@tensorflow\// }, ({ path }) => ({ path, namespace: "package" }));
      bundler.onLoad({ filter: /.*/, namespace: "package" }, ({ path }) => ({
        contents: `module.exports = requireHere(${JSON.stringify(project.resolve(path))});`,
        resolveDir: root,
      }));
      // The paths of files that are relative to a module start from the original place of the module.
      bundler.onLoad({ filter: /\.ts$/ }, ({ path }) => ({
        contents: readFileSync(path, "utf8").replaceAll(
          "import.meta.url",
          JSON.stringify(String(pathToFileURL(join(overlay, relative(root, path))))),
        ),
        loader: "ts",
      }));
    },
  };
  await build({
    absWorkingDir: root,
    entryPoints: ["test/mutants/runner/worker.ts"],
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
  return join(outdir, "worker.mjs");
}
