/**
 * Packs the package as it would be published, looks at what is in it, installs it in an empty project, and runs every
 * JavaScript example of the README there.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "adanorm-package-"));

function run(command, args, cwd) {
  return execFileSync(command, args, { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });
}

const EXPECTED = [
  "LICENSE",
  "README.md",
  "build/adanorm.relaxed.wasm",
  "build/adanorm.wasm",
  "build/index.d.ts",
  "build/index.js",
  "build/reference.d.ts",
  "build/reference.js",
  "build/relaxed.js",
  "build/types.d.ts",
  "package.json",
];

let passed = 0;
function check(what, body) {
  body();
  passed += 1;
  console.log(`ok: ${what}`);
}

try {
  // The scripts of a pack print to standard output too: the report is the JSON array at its end.
  const output = run("npm", ["pack", "--json", "--silent", "--pack-destination", folder], root);
  const [pack] = JSON.parse(output.slice(output.indexOf("[\n")));
  check("the tarball holds the modules, the bundles, the declarations, README and LICENSE, and nothing else", () => {
    assert.deepEqual(pack.files.map((file) => file.path).sort(), EXPECTED);
  });

  writeFileSync(join(folder, "package.json"), JSON.stringify({ name: "empty", private: true, type: "module" }));
  run("npm", ["install", "--no-audit", "--no-fund", "--offline", join(folder, pack.filename)], folder);
  check("it installs without any dependency", () => {
    const tree = JSON.parse(run("npm", ["ls", "--all", "--json"], folder));
    assert.deepEqual(Object.keys(tree.dependencies), ["adanorm"]);
    assert.equal(tree.dependencies.adanorm.dependencies, undefined);
  });

  const readme = readFileSync(join(folder, "node_modules/adanorm/README.md"), "utf8");
  const examples = [...readme.matchAll(/^```js\n(.*?)^```$/gms)].map((match) => match[1]);
  assert.ok(examples.length > 0, "the README has examples");
  examples.forEach((example, index) => {
    check(`example ${index + 1} of the README runs`, () => {
      const file = join(folder, `example-${index + 1}.js`);
      writeFileSync(file, example);
      process.stdout.write(run(process.execPath, [file], folder).replace(/^/gm, "    ").trimEnd());
      process.stdout.write("\n");
    });
  });
  console.log(`${passed} passed, 0 failed`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
