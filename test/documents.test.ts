/** The documents keep together: links lead somewhere, also from npm, and figures and pictures are those of the last run. */
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { made, published } from "../bench/publish.ts";
import { median, seriesOf } from "../bench/result.ts";
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

describe("what the README says of the figures, in words", () => {
  const result = published();
  const time = (id: string, name: string) => median(seriesOf(result, id, name) ?? [Number.NaN]);
  const { adanorm: ours, plain: loops, ...packages } = result.traits;

  it("in the picture, adanorm takes the least time", () => {
    const at = (series: string) => time("forward 1024x768", series);
    const others = [
      "plain layerNorm",
      ...["onnxruntime-web", "tfjs", "jax-js"].map((name) => `${name} layerNorm call`),
    ];
    for (const other of others) expect(at("adanorm layerNorm new arrays"), other).toBeLessThan(at(other));
  });

  it("in the picture, errors of adanorm and of loops stay below a millionth; those of the packages grow", () => {
    for (const traits of [ours, loops]) {
      expect(Object.keys(traits?.errors ?? {})).toContain("1000000");
      for (const error of Object.values(traits?.errors ?? {})) expect(error).toBeLessThan(1e-6);
    }
    expect(Object.keys(packages)).toEqual(["onnxruntime-web", "tfjs", "jax-js"]);
    for (const { errors } of Object.values(packages)) {
      expect(errors[1000]).toBeGreaterThan(100 * (errors[0] as number));
      expect(errors[1_000_000]).toBeGreaterThan(100 * (errors[1000] as number));
    }
  });

  it("native C is faster still, wherever both are measured on the same rows and the caches hold them", () => {
    const pairs = result.cases.flatMap(({ id, rows, size, series }) =>
      Object.keys(series)
        .filter(() => rows * size <= 2 ** 20)
        .filter((name) => name.startsWith("native ") && series[name.replace("native", "adanorm")])
        .map((name) => ({ id, name })),
    );
    expect(pairs.length).toBeGreaterThan(10);
    for (const { id, name } of pairs)
      expect(time(id, name), `${name}, ${id}`).toBeLessThan(time(id, name.replace("native", "adanorm")));
  });
});
