/**
 * Packs the package as it would be published, checks its files, installs it in an empty project, and uses it there: by
 * import, by require, and by every JavaScript example of the README, the guide and the page on threads. publint and attw (in test/package) check the
 * tarball.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, posix, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import ts from "typescript";

const root = fileURLToPath(new URL("..", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "adanorm-package-"));

const EXPECTED = [
  "LICENSE",
  "README.md",
  "build/adanorm.relaxed.wasm",
  "build/adanorm.shared.relaxed.wasm",
  "build/adanorm.shared.wasm",
  "build/adanorm.wasm",
  "build/half.d.ts",
  "build/half.js",
  "build/index.d.ts",
  "build/index.js",
  "build/index.js.map",
  "build/reference-options.d.ts",
  "build/reference-options.js",
  "build/reference-rows.d.ts",
  "build/reference-rows.js",
  "build/reference.d.ts",
  "build/reference.js",
  "build/relaxed.js",
  "build/relaxed.js.map",
  "build/shared-relaxed.js",
  "build/shared-relaxed.js.map",
  "build/shared.js",
  "build/shared.js.map",
  "build/tfjs.d.ts",
  "build/tfjs.js",
  "build/tfjs.js.map",
  "build/tfjs/affine-layers.d.ts",
  "build/tfjs/group-layer.d.ts",
  "build/tfjs/layer.d.ts",
  "build/tfjs/ops.d.ts",
  "build/tfjs/options.d.ts",
  "build/tfjs/plain-layers.d.ts",
  "build/thread.d.ts",
  "build/thread.js",
  "build/thread.js.map",
  "build/threads.js",
  "build/threads.js.map",
  "build/types.d.ts",
  "build/types/calls.d.ts",
  "build/types/elements.d.ts",
  "build/types/kernels.d.ts",
  "build/types/matrix.d.ts",
  "build/types/norm.d.ts",
  "build/types/options.d.ts",
  "build/types/rows.d.ts",
  "build/types/storage.d.ts",
  "build/url.d.ts",
  "build/url.js",
  "build/url.js.map",
  "build/workerd.js",
  "build/workerd.js.map",
  "package.json",
];

/** What the source maps lead to. */
const SOURCES = readdirSync(join(root, "src"), { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map((entry) => relative(root, join(entry.parentPath, entry.name)));

const { exports: entries, peerDependencies: peers } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));

/** What a file may import besides files of this package. */
const IMPORTED = { "build/tfjs.js": Object.keys(peers) };

/** The entries that are WebAssembly modules themselves. */
const modules = Object.keys(entries).filter((entry) => String(entries[entry]).endsWith(".wasm"));

/** The limit in CONTRIBUTING.md for the compressed main bundle. */
const MOST_GZIPPED_BYTES = 36 * 1024;

function run(command, args, cwd) {
  return execFileSync(command, args, { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });
}

/** Runs the script of one of the tools in test/package. If it fails, the error contains its output. */
function tool(script, ...args) {
  try {
    return run(process.execPath, [join(root, "test/package/node_modules", script), ...args], folder);
  } catch (error) {
    throw new Error(`${script}: exit code ${error.status}\n${error.stdout}`);
  }
}

/** Writes a file into the empty project and runs it with Node, which forbids code from strings. `flags` are for Node. */
function runFile(name, source, ...flags) {
  const file = join(folder, name);
  writeFileSync(file, source);
  return run(process.execPath, ["--disallow-code-generation-from-strings", ...flags, file], folder);
}

let passed = 0;
let failed = 0;
function check(what, body) {
  try {
    body();
    passed += 1;
    console.log(`ok: ${what}`);
  } catch (error) {
    failed += 1;
    console.log(`FAILED: ${what}\n${error.message}`);
  }
}

/** Names that make code from strings, and names that only Node has. */
const REFUSED_NAMES = new Set(["eval", "Function", "require", "module", "process", "Buffer", "global", "__dirname"]);

/** Whether an identifier names a property, or something in another module, rather than a variable. */
function isName(node) {
  const { parent } = node;
  if (ts.isPropertyAccessExpression(parent)) return parent.name === node;
  if (ts.isBindingElement(parent) || ts.isImportSpecifier(parent) || ts.isExportSpecifier(parent)) {
    return parent.propertyName === node;
  }
  return (
    (ts.isPropertyAssignment(parent) || ts.isMethodDeclaration(parent) || ts.isPropertyDeclaration(parent)) &&
    parent.name === node
  );
}

/**
 * The parts of a module that would keep it from running in some engine, page or bundler: imports of anything but files of
 * this package (and of its peers, for their entry), code from strings, globals of Node, and await at the top.
 */
function obstacles(file, text, files) {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true, ts.ScriptKind.JS);
  const found = source.parseDiagnostics.map((diagnostic) => `${diagnostic.messageText}`);
  const allowed = [...files, ...(IMPORTED[file] ?? [])];
  const isOwn = (specifier) =>
    specifier && ts.isStringLiteral(specifier) && allowed.includes(specifier.text.replace(/^\.\//, "build/"));
  const visit = (node, inFunction) => {
    const declared = (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) && node.moduleSpecifier;
    if (declared && !isOwn(declared)) found.push(`imports ${declared.text}`);
    if (
      ts.isCallExpression(node) &&
      node.expression.kind === ts.SyntaxKind.ImportKeyword &&
      !isOwn(node.arguments[0])
    ) {
      found.push(`imports ${node.arguments[0]?.getText()}`);
    }
    if (ts.isIdentifier(node) && REFUSED_NAMES.has(node.text) && !isName(node)) found.push(`uses ${node.text}`);
    const waits = ts.isAwaitExpression(node) || (ts.isForOfStatement(node) && node.awaitModifier !== undefined);
    if (waits && !inFunction) found.push("awaits at the top");
    ts.forEachChild(node, (child) => visit(child, inFunction || ts.isFunctionLike(node)));
  };
  visit(source, false);
  return found;
}

try {
  // The scripts of `npm pack` print to standard output too: the report is the JSON array at the end.
  const output = run("npm", ["pack", "--json", "--silent", "--pack-destination", folder], root);
  const [pack] = JSON.parse(output.slice(output.indexOf("[\n")));
  const tarball = join(folder, pack.filename);
  const files = pack.files.map((file) => file.path).sort();
  check(
    "the tarball holds the modules, the bundles, the sources, the declarations, README and LICENSE, and nothing else",
    () => {
      assert.deepEqual(files, [...EXPECTED, ...SOURCES].sort());
    },
  );

  check("publint finds nothing to say of it", () => {
    assert.match(tool("publint/src/cli.js", "run", tarball, "--strict"), /All good!/);
  });
  check("TypeScript finds the types of every entry, from ES modules, CommonJS and bundlers", () => {
    // attw may delete its tarball, so it gets a copy.
    const copy = join(folder, "attw.tgz");
    copyFileSync(tarball, copy);
    // The package is ES modules only. Node can require them from 20.19 on; the ignored rule is older.
    const rules = ["--profile", "node16", "--ignore-rules", "cjs-resolves-to-esm"];
    const untyped = ["--exclude-entrypoints", ...modules.map((entry) => entry.slice(2))];
    tool("@arethetypeswrong/cli/dist/index.js", copy, ...rules, "--no-definitely-typed", "--no-color", ...untyped);
  });

  writeFileSync(join(folder, "package.json"), JSON.stringify({ name: "empty", private: true, type: "module" }));
  run("npm", ["install", "--no-audit", "--no-fund", "--offline", tarball], folder);
  const installed = join(folder, "node_modules/adanorm");
  check("it installs without any dependency, its peers being optional", () => {
    const tree = JSON.parse(run("npm", ["ls", "--all", "--json"], folder));
    assert.deepEqual(Object.keys(tree.dependencies), ["adanorm"]);
    // Peers that are not installed are listed as empty objects.
    assert.deepEqual(Object.values(tree.dependencies.adanorm.dependencies ?? {}), [{}, {}]);
  });

  for (const file of files.filter((name) => name.endsWith(".js"))) {
    check(
      `${file} imports nothing but this package${IMPORTED[file] ? " and its peers" : ""}, makes no code from strings, awaits nothing at the top`,
      () => {
        assert.deepEqual(obstacles(file, readFileSync(join(installed, file), "utf8"), files), []);
      },
    );
  }
  check("every bundle has a source map, which leads to files of the package", () => {
    const maps = files.filter((name) => name.endsWith(".map"));
    assert.ok(maps.length > 0);
    for (const name of maps) {
      assert.match(
        readFileSync(join(installed, name.slice(0, -".map".length)), "utf8"),
        /\n\/\/# sourceMappingURL=\S+\n$/,
      );
      const { sources } = JSON.parse(readFileSync(join(installed, name), "utf8"));
      assert.ok(sources.length > 0, name);
      for (const source of sources) assert.ok(files.includes(posix.join("build", source)), `${name}: ${source}`);
    }
  });
  check("the trace of an error leads through the sources, line by line", () => {
    const program = `import { loadSync } from "adanorm";
       try { loadSync().layerNorm({ size: 4 }).forward(new Float32Array(6)); } catch (error) { console.log(error.stack); }`;
    const trace = runFile("trace.js", program, "--enable-source-maps");
    const frames = [...trace.matchAll(/^ +at (new \S+|\S*?(\w+)) \(\S*\/adanorm\/(src\/\S+\.ts):(\d+):\d+\)$/gm)].map(
      ([, , name, file, line]) => ({
        // A constructor keeps the short name of its class.
        call: name ? `${name}(` : "new ",
        place: `${file}:${line}`,
        text: readFileSync(join(installed, file), "utf8").split("\n")[line - 1],
      }),
    );
    assert.deepEqual([frames.at(0)?.call, frames.at(-1)?.call], ["rangeError(", "forward("], trace);
    // Each line calls the function of the frame before it.
    frames.slice(1).forEach(({ place, text }, i) => {
      assert.ok(text.includes(frames[i].call), `${place}: ${text}, not ${frames[i].call}`);
    });
  });
  const gzipped = gzipSync(readFileSync(join(installed, "build/index.js")), { level: 9 }).length;
  check(`the main bundle is ${gzipped} bytes gzipped, ${MOST_GZIPPED_BYTES} at most`, () => {
    assert.ok(gzipped <= MOST_GZIPPED_BYTES, `${gzipped - MOST_GZIPPED_BYTES} bytes too many`);
  });

  check("every entry can be imported, and the modules found", () => {
    runFile(
      "import.js",
      `import assert from "node:assert/strict";
       import { existsSync } from "node:fs";
       import * as adanorm from "adanorm";
       import * as byUrl from "adanorm/url";
       import * as reference from "adanorm/reference";
       import manifest from "adanorm/package.json" with { type: "json" };
       assert.deepEqual(Object.keys(adanorm), ["load", "loadSync"]);
       assert.deepEqual(Object.keys(byUrl), ["load"]);
       assert.deepEqual(Object.keys(reference), ["backward", "bits", "decode", "encode", "forward", "int8"]);
       // On the main thread it does nothing.
       assert.deepEqual(Object.keys(await import("adanorm/thread")), []);
       assert.equal(manifest.name, "adanorm");
       for (const entry of ${JSON.stringify(modules)}) {
         const url = import.meta.resolve(entry.replace(".", "adanorm"));
         assert.match(url, /\\.wasm$/);
         assert.ok(existsSync(new URL(url)), url);
       }`,
    );
  });
  check("every entry can be required, where Node requires ES modules", () => {
    if (!process.features.require_module) return;
    runFile(
      "require.cjs",
      `const assert = require("node:assert/strict");
       const { y } = require("adanorm").loadSync().adaNorm({ size: 4 }).forward(Float32Array.of(1, 5, 2, 8));
       const exact = require("adanorm/reference").forward("adaNorm", [1, 5, 2, 8], { size: 4 });
       y.forEach((value, i) => assert.ok(Math.abs(value - exact.y[i]) < 1e-6));
       assert.equal(typeof require("adanorm/url").load, "function");
       require("adanorm/thread");`,
    );
  });

  check("threads start, by themselves and by createWorker", () => {
    const printed = runFile(
      "threads.js",
      `import { Worker } from "node:worker_threads";
       import { load } from "adanorm";
       const thread = new URL(import.meta.resolve("adanorm/thread"));
       for (const createWorker of [undefined, () => new Worker(thread)])
         console.log((await load({ threads: 3, createWorker })).threads);`,
    );
    assert.equal(printed, "3\n3\n");
  });

  /** The pages whose JavaScript runs with nothing but the package. */
  const pages = ["README.md", "docs/guide.md", "docs/threads.md"];
  for (const page of pages) {
    const examples = [...readFileSync(join(root, page), "utf8").matchAll(/^```js\n(.*?)^```$/gms)];
    check(`${page} has examples`, () => assert.ok(examples.length > 0));
    examples.forEach(([, example], index) => {
      check(`example ${index + 1} of ${page} runs`, () => {
        const printed = runFile(`example-${index + 1}.js`, example);
        console.log(printed.trimEnd().replace(/^/gm, "    "));
      });
    });
  }

  const page = readFileSync(join(root, "docs/threads.md"), "utf8");
  check("docs/threads.md tells users of esbuild and rollup what the tests of bundlers do", () => {
    const [createWorker] = page.match(/^const createWorker = .*$/m);
    const [input] = page.match(/input: \{.*\}/);
    const [entry] = page.match(/thread=\S+/);
    const fixture = (name) => readFileSync(join(root, "test/bundlers/fixtures", name), "utf8");
    for (const name of ["esbuild", "rollup"]) assert.ok(fixture(`${name}/src/main.js`).includes(createWorker));
    assert.ok(fixture("rollup/rollup.config.js").includes(input));
    assert.ok(fixture("esbuild/package.json").includes(entry));
  });
  console.log(`${passed} passed, ${failed} failed`);
  process.exitCode = failed === 0 ? 0 : 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
