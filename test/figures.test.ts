/** Sizes, limits, defaults, versions and messages that the documents name are those of the files and the code. */
import { readdirSync, readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { type AdaNormOptions, loadSync, type StatsOptions } from "adanorm";
import { describe, expect, it } from "vitest";
import { EPS, K, SCALE } from "../examples/reproduce/contenders.ts";
import { PRESETS } from "../examples/reproduce/plans.ts";
import { MAX_BINARY_BYTES, MAX_JSON_BYTES, MAX_NORMS, MAX_SIZE } from "../examples/worker/src/limits.ts";
import { boundOf, magnified } from "./accuracy/bounds.ts";
import { normal } from "./support.ts";

const KIB = 2 ** 10;
const MIB = 2 ** 20;

const read = (path: string) => readFileSync(new URL(`../${path}`, import.meta.url), "utf8");
const readJson = (path: string) => JSON.parse(read(path));

/** What a document says where a pattern matches: the first group, which must be the same everywhere. */
function said(document: string, pattern: RegExp): string {
  // A line of prose may break at any space.
  const spaced = new RegExp(pattern.source.replaceAll(" ", "\\s+"), "gm");
  const found = new Set([...read(document).matchAll(spaced)].map((match) => match[1]));
  if (found.size !== 1)
    expect.fail(`${document}: expected one figure at ${pattern}, got ${[...found].join(", ") || "none"}`);
  return [...found][0] as string;
}

const numberSaid = (document: string, pattern: RegExp) => Number(said(document, pattern).replaceAll(",", ""));

describe("sizes", () => {
  const gzipped = (path: string) => gzipSync(readFileSync(new URL(`../${path}`, import.meta.url)), { level: 9 }).length;

  it("the README and docs/hosts.md say how large the bundles are", () => {
    const sizes = [
      numberSaid("README.md", /One file of (\d+) KB gzipped/),
      numberSaid("docs/hosts.md", /(\d+) KB gzipped, and a module/),
    ];
    expect(sizes).toEqual(["build/index.js", "build/url.js"].map((path) => Math.ceil(gzipped(path) / KIB)));
  });

  it("the main bundle keeps the limit that CONTRIBUTING names, and the packed one is held to the same", () => {
    const limit = numberSaid("CONTRIBUTING.md", /The main bundle is (\d+) KB gzipped at most/);
    expect(gzipped("build/index.js")).toBeLessThanOrEqual(limit * KIB);
    expect(numberSaid("scripts/test-package.js", /MOST_GZIPPED_BYTES = (\d+) \* 1024/)).toBe(limit);
  });

  it("docs/speed.md says how much of a host array is in linear memory at a time", () => {
    const sources = readdirSync(new URL("../src/", import.meta.url), { recursive: true, encoding: "utf8" });
    const text = sources
      .filter((path) => path.endsWith(".ts"))
      .map((path) => read(`src/${path}`))
      .join("\n");
    const bytes = 2 ** Number(text.match(/\bTILE_BYTES = 2 \*\* (\d+);/)?.[1]);
    expect(numberSaid("docs/speed.md", /a tile of (\d+) KB/) * KIB).toBe(bytes);
  });
});

describe("defaults", () => {
  const x = normal(5 * 8, 1, 0, 0.01);
  const dy = normal(5 * 8, 2);
  const OPTIONS = ["eps", "epsAt", "ddof", "detachMean", "detachStd", "scale", "k", "detachScale"] as const;

  it("are those in the guide's table of options", () => {
    const inGuide = OPTIONS.map((option) => {
      const cell = said("docs/guide.md", new RegExp(`^\\|[^|]*\`${option}\`[^|]*\\|[^|]*\\| ([^ |]+)`));
      return [option, JSON.parse(cell.replaceAll("`", ""))];
    });
    const resultsWith = (options: Partial<AdaNormOptions>) => {
      const norm = loadSync().adaNorm({ size: 8, ...options });
      return { ...norm.forward(x), ...norm.backward(dy, x) };
    };
    const given = Object.fromEntries(inGuide);
    expect(resultsWith(given)).toEqual(resultsWith({}));
    // Each of them shows in the results.
    const others = {
      eps: 1e-6,
      epsAt: "std",
      ddof: 1,
      detachMean: true,
      detachStd: true,
      scale: 2,
      k: 0.2,
      detachScale: false,
    };
    for (const option of OPTIONS) {
      expect(resultsWith({ ...given, [option]: others[option] }), option).not.toEqual(resultsWith({}));
    }
  });

  it("of the paper's comparison are those that its README names", () => {
    const readme = "examples/reproduce/README.md";
    expect(numberSaid(readme, /with (\S+) inside the root/)).toBe(EPS);
    expect(numberSaid(readme, /C = (\d+), k = /)).toBe(SCALE);
    expect(1 / numberSaid(readme, /k = 1\/(\d+)/)).toBe(K);
    expect(numberSaid(readme, /by up to (\d+) pixels/)).toBe(PRESETS.full.plans.mnist.shift);
    expect(numberSaid("docs/reproduction.md", /by up to (\d+) pixels/)).toBe(PRESETS.full.plans.mnist.shift);
  });
});

describe("errors that the guide quotes", () => {
  const messageOf = (call: () => unknown) => {
    try {
      call();
    } catch (error) {
      return (error as Error).message;
    }
    return expect.fail("expected an error");
  };

  it("are those that are thrown", () => {
    expect(read("docs/guide.md")).toContain(messageOf(() => loadSync().layerNorm({ size: 4 }).forward(normal(6, 1))));
    const [beginning, end] = said("docs/guide.md", /`(layerNorm: options: [^`]+)`/).split("...");
    const message = messageOf(() => loadSync().layerNorm({ size: 4, epsilon: 1e-5 } as StatsOptions));
    expect([message.slice(0, beginning?.length), message.slice(-(end as string).length)]).toEqual([beginning, end]);
  });
});

describe("the Worker's README", () => {
  const worker = "examples/worker/README.md";

  it("names its limits", () => {
    const [, binary, json] = read(worker).match(/^\| at most \| (\d+) MiB \| (\d+) MiB \|$/m) ?? [];
    expect([Number(binary) * MIB, Number(json) * MIB]).toEqual([MAX_BINARY_BYTES, MAX_JSON_BYTES]);
    expect(numberSaid(worker, /the length of a row, 1 to ([\d,]+)/)).toBe(MAX_SIZE);
    expect(numberSaid(worker, /expected an integer from 1 to (\d+)/)).toBe(MAX_SIZE);
    expect(numberSaid(worker, /up to (\d+) norms/)).toBe(MAX_NORMS);
  });

  it("says how many requests its test sends at once", () => {
    const sent = numberSaid("examples/worker/test/run.ts", /^const REQUESTS = (\d+);/);
    expect(numberSaid(worker, /(\d+) requests at once/)).toBe(sent);
  });
});

it("the browser example's README names the port that it listens on", () => {
  const { scripts } = readJson("examples/browser/package.json");
  expect(scripts.start).toContain(`--port ${said("examples/browser/README.md", /localhost:(\d+)/)}`);
});

describe("docs/numerics.md", () => {
  /** What the table of promises, the first one, says of a quantity. */
  const promiseOf = (quantity: string) =>
    read("docs/numerics.md").match(new RegExp(`^\\| ${quantity}.* \\| (.*) \\|$`, "m"))?.[1] as string;
  const numbersIn = (text: string) => text.match(/\d+(\.\d+)?/g)?.map(Number) ?? [];

  it("promises what the kernels are held to", () => {
    const [variance, varianceOfLong] = numbersIn(promiseOf("variance"));
    const [rstd, rstdOfLong] = numbersIn(promiseOf("rstd"));
    expect([variance, rstd]).toEqual([boundOf("variance", 768), boundOf("rstd", 768)]);
    const long = magnified(1, 4 * 768, 768);
    expect([varianceOfLong, rstdOfLong]).toEqual([long * boundOf("variance", 768), long * boundOf("rstd", 768)]);
    expect(promiseOf("z \\(y of LayerNorm")).toMatch(`${boundOf("z", 768)} x 2^-23 of`);
    expect(promiseOf("AdaNorm's y")).toMatch(`${boundOf("y", 768)} x 2^-23 of`);
    expect(promiseOf("dx")).toMatch(`${boundOf("dx", 65_536)} x 2^-23 of`);
    expect(promiseOf("dx")).toMatch(`for rows of up to 65,536; ${boundOf("dx", 65_537)} beyond`);
    // The unit of both is 2^-22.
    expect(promiseOf("dGain")).toMatch(`2^${Math.log2(boundOf("dGain", 768)) - 22} of`);
    expect(promiseOf("dBias")).toMatch(`2^${Math.log2(boundOf("dBias", 768)) - 22} of`);
  });

  it("is what the README promises", () => {
    expect(numberSaid("README.md", /z is within (\d+) x 2\^-23 of max\(1, \|z\|\)/)).toBe(boundOf("z", 768));
  });

  it("compares with the versions that are measured", () => {
    const { dependencies } = readJson("bench/package.json");
    expect(dependencies["onnxruntime-node"]).toMatch(
      `${said("docs/numerics.md", /\| ONNX Runtime ([\d.]+) \| TensorFlow/)}.`,
    );
    expect(dependencies["@tensorflow/tfjs"]).toMatch(`${said("docs/numerics.md", /\| TensorFlow.js ([\d.]+) \|/)}.`);
  });
});

describe("versions", () => {
  it("of Node are those that the package, and what it is developed with, run on", () => {
    const { engines } = readJson("package.json");
    expect(engines.node).toBe(`>=${said("README.md", /Runs in Node (\d+) and later/)}`);
    const { packages } = readJson("package-lock.json") as { packages: Record<string, { engines?: { node?: string } }> };
    const minors = Object.values(packages).map((one) => Number(one.engines?.node?.match(/\^20\.(\d+)/)?.[1] ?? 0));
    expect(said("CONTRIBUTING.md", /Node (20\.\d+) or later/)).toBe(`20.${Math.max(...minors)}`);
  });

  it("of TensorFlow.js are those of the peers", () => {
    const { peerDependencies } = readJson("package.json");
    const major = said("docs/tensorflow.md", /`@tensorflow\/tfjs-layers`, (\d+)\.x/);
    expect(Object.values(peerDependencies)).toEqual([`^${major}.0.0`, `^${major}.0.0`]);
  });
});
