/** The documents keep together: links lead somewhere, also from npm, and figures and pictures are those of the last run. */
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { made, published } from "../bench/publish.ts";
import { addressOf, insideOf, linksOf, strays } from "../scripts/address.ts";

const root = fileURLToPath(new URL("../", import.meta.url));
const read = (path: string) => readFileSync(join(root, path), "utf8");

/** The anchors that the headings of a page have on GitHub. */
function anchorsOf(path: string): string[] {
  return [...read(path).matchAll(/^#+ (.+)$/gm)].map(([, title]) =>
    (title as string)
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-"),
  );
}

/** Throws unless there is such a file, and such a heading in it. */
function expectTarget(from: string, target: string): void {
  const [path = "", anchor] = target.split("#");
  expect(existsSync(join(root, path)), `${from}: ${target}`).toBe(true);
  if (anchor) expect(anchorsOf(path), `${from}: ${target}`).toContain(anchor);
}

describe("the README", () => {
  const manifest = read("package.json");
  const readme = read("README.md");
  const address = addressOf(manifest);

  it("has at most 200 lines", () => {
    expect(readme.trimEnd().split("\n").length).toBeLessThanOrEqual(200);
  });

  it("links to the address in package.json alone, which homepage and bugs follow too", () => {
    expect(strays(manifest, readme)).toEqual([]);
  });

  it("notices what does not follow", () => {
    const other = manifest.replace(/("url": ")git\+[^"]+/, "$1git+https://github.com/someone/else.git");
    const links = linksOf(readme).filter((link) => insideOf(link, address) !== undefined);
    expect(strays(other, readme)).toEqual(expect.arrayContaining([links[0], `bugs: ${address}/issues`]));
    expect(strays(manifest, "[a page](docs/guide.md)")).toEqual(["docs/guide.md"]);
  });

  it("links to files and headings that are there", () => {
    const inside = linksOf(readme)
      .map((link) => insideOf(link, address))
      .filter((part) => part !== undefined && part !== "issues") as string[];
    expect(inside.length).toBeGreaterThan(0);
    for (const part of inside) expectTarget("README.md", part.replace(/^(blob|raw)\/main\//, ""));
  });
});

const PAGES = [
  "CONTRIBUTING.md",
  "CHANGELOG.md",
  ...readdirSync(join(root, "docs"))
    .filter((file) => file.endsWith(".md"))
    .map((file) => `docs/${file}`),
  ...readdirSync(join(root, "examples"))
    .map((name) => `examples/${name}/README.md`)
    .filter((path) => existsSync(join(root, path))),
];

it.each(PAGES)("%s links to files and headings that are there", (page) => {
  for (const link of linksOf(read(page)).filter((one) => !/^\w+:/.test(one))) {
    const path = link.startsWith("#") ? page + link : join(dirname(page), link);
    const [file = ""] = path.split("#");
    // Folders have no headings.
    if (existsSync(join(root, file)) && statSync(join(root, file)).isDirectory()) continue;
    expectTarget(page, path);
  }
});

it("tables and picture are what `npm run bench -- --publish` makes of bench/figures.json", () => {
  for (const [path, content] of made(published())) expect(read(path) === content, path).toBe(true);
});
