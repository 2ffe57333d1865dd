/** The entries that fetch a module or get a compiled one: from which URL, how often, and what happens on failure. */
import { readFileSync } from "node:fs";
import type { Kernels } from "adanorm";
import * as byUrl from "adanorm/url";
import * as workerd from "adanorm/workerd";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { enableRelaxedSimd } from "./relaxed-flag.ts";

const wasm = (name: string) => Uint8Array.from(readFileSync(new URL(`../build/${name}`, import.meta.url)));
const [portable, relaxed] = [wasm("adanorm.wasm"), wasm("adanorm.relaxed.wasm")];
const { fetch } = globalThis;
const { compile, compileStreaming } = WebAssembly;

const works = (kernels: Kernels) =>
  expect(Array.from(kernels.layerNormSimple({ size: 2, eps: 0 }).forward(Float32Array.of(1, 3)).y)).toEqual([-1, 1]);

describe("adanorm/url", () => {
  let fetched: string[];
  let streamed: number;
  let answer: () => Response;
  const give = (bytes: Uint8Array<ArrayBuffer>, type?: string) => {
    answer = () => new Response(bytes, type ? { headers: { "content-type": type } } : {});
  };
  let last = 0;
  /** A URL that nothing was fetched from before. */
  const freshUrl = () => `https://example.com/${last++}.wasm`;

  beforeEach(() => {
    fetched = [];
    streamed = 0;
    give(portable, "application/wasm");
    globalThis.fetch = async (url) => {
      fetched.push(String(url));
      return answer();
    };
    WebAssembly.compileStreaming = async (source) => {
      streamed += 1;
      return compile(await (await source).arrayBuffer());
    };
  });
  afterEach(() => {
    globalThis.fetch = fetch;
    WebAssembly.compileStreaming = compileStreaming;
  });

  test("fetches the file beside it, once for any number of instances, with memories of their own", async () => {
    const [one, other] = await Promise.all([byUrl.load(), byUrl.load()]);
    for (const kernels of [one, other, await byUrl.load()]) works(kernels);
    one.matrix(1, 8);
    expect(other.memory.used).toBe(0);
    expect(fetched.length).toBe(1);
    expect(fetched[0]).toMatch(/^file:.*\/adanorm\.wasm$/);
    expect(streamed).toBe(1);
  });

  test("fetches the relaxed build where that is asked for and can run", async () => {
    enableRelaxedSimd();
    give(relaxed, "application/wasm");
    const kernels = await byUrl.load({ relaxedSimd: true });
    expect(kernels.simd).toBe("relaxed-simd");
    expect(fetched[0]).toMatch(/\/adanorm\.relaxed\.wasm$/);
  });

  test("takes a URL, as a string or an object, for either build", async () => {
    const [text, url] = [freshUrl(), new URL(freshUrl())];
    works(await byUrl.load({ url: text, relaxedSimd: true }));
    works(await byUrl.load({ url }));
    expect(fetched).toEqual([text, String(url)]);
  });

  test("says of a module that is not adanorm's that it came from the URL", async () => {
    give(Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0));
    const message = "load: url: expected adanorm's module, got one that exports nothing";
    await expect(byUrl.load({ url: freshUrl() })).rejects.toThrow(new TypeError(message));
  });

  test("fetches nothing where it is given a module", async () => {
    works(await byUrl.load({ module: portable }));
    expect(fetched).toEqual([]);
  });

  test.each([
    [" Application/WASM ", 1],
    ["application/wasm; charset=utf-8", 0],
    ["application/octet-stream", 0],
    [undefined, 0],
  ])("compiles while it is fetched only where the type allows it: %s", async (type, times) => {
    give(portable, type);
    const { headers } = answer();
    answer = () => {
      const response = new Response(portable);
      // A Response trims its type; other hosts need not do so.
      const value = { get: (name: string) => (headers.has(name) ? type : null) };
      return Object.defineProperty(response, "headers", { value });
    };
    works(await byUrl.load({ url: freshUrl() }));
    expect(streamed).toBe(times);
  });

  test("compiles what was fetched where the engine cannot do both at once", async () => {
    Reflect.deleteProperty(WebAssembly, "compileStreaming");
    works(await byUrl.load({ url: freshUrl() }));
  });

  test("tells the status of a failure, and tries again when it is called again", async () => {
    const url = freshUrl();
    answer = () => new Response("not here", { status: 404 });
    await expect(byUrl.load({ url })).rejects.toThrow(`load: url: expected a module at ${url}, got status 404`);
    give(portable, "application/wasm");
    works(await byUrl.load({ url }));
    expect(fetched).toEqual([url, url]);
  });

  test("refuses what is no URL, and names that it does not know", async () => {
    for (const [url, got] of [
      [5, "5"],
      [null, "null"],
      [{}, "an Object"],
    ] as const) {
      const message = `load: url: expected a string or a URL, got ${got}`;
      await expect(byUrl.load({ url: url as never })).rejects.toThrow(new TypeError(message));
    }
    await expect(byUrl.load({ urls: "a" } as never)).rejects.toThrow(/^load: .*urls.*url/);
    expect(fetched).toEqual([]);
  });
});

describe("the entry for workerd", () => {
  test("compiles nothing: its modules come compiled", async () => {
    WebAssembly.compile = () => Promise.reject(new Error("forbidden here"));
    try {
      for (const kernels of [await workerd.load(), workerd.loadSync()]) {
        works(kernels);
        expect(kernels.simd).toBe("simd128");
      }
      enableRelaxedSimd();
      expect((await workerd.load({ relaxedSimd: true })).simd).toBe("relaxed-simd");
    } finally {
      WebAssembly.compile = compile;
    }
  });

  test("refuses what the main entry refuses", async () => {
    await expect(workerd.load({ maximumBytes: 1 })).rejects.toThrow(/^load: maximumBytes: expected/);
    expect(() => workerd.loadSync({ maximumBytes: 1 })).toThrow(/^loadSync: maximumBytes: expected/);
  });
});
