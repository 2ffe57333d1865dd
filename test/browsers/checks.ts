/** The checks in a page or a worker: the portable suite, and checks that need a server of files. */
import type * as MainEntry from "../../src/index.ts";
import type * as UrlEntry from "../../src/url.ts";
import { type Host, type Report, runSuite } from "../portable/suite.ts";
import { assert, Tally } from "../portable/tally.ts";
import { fetchModule } from "./module.ts";
import type { Message } from "./server.ts";
import { checkOneThread, checkThreads } from "./threads.ts";

/** Gives the portable module, compiled by the host. */
export type Compiled = () => Promise<WebAssembly.Module>;

/**
 * The violations of the policy, except those that this file causes to see that the policy is in force, and those of the
 * browser itself.
 */
const violations: string[] = [];
addEventListener("securitypolicyviolation", ({ effectiveDirective, blockedURI }) => {
  if (blockedURI !== "eval" && !blockedURI.endsWith("/favicon.ico")) {
    violations.push(`${effectiveDirective} ${blockedURI}`);
  }
});

async function assertRejects(promise: Promise<unknown>, kind: new () => Error, message: RegExp): Promise<void> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  assert(error instanceof kind && message.test(error.message), `expected ${kind.name} ${message}, got ${error}`);
}

const main = (): Promise<typeof MainEntry> => import(PACKAGE.main);

/** A copy of adanorm/url that has loaded nothing yet, for a server that treats .wasm files in this way (see server.ts). */
const from = (way: string): Promise<typeof UrlEntry> => import(`${way}${PACKAGE.url}`);

const X = Float32Array.from({ length: 3 * 257 }, (_, i) => ((i * 37) % 101) - 50);
const compute = (kernels: MainEntry.Kernels) => kernels.adaNorm({ size: 257 }).forward(X).y.join();

async function assertWorks(kernels: MainEntry.Kernels): Promise<void> {
  const { load } = await main();
  assert(kernels.simd === "simd128", `the default build is ${kernels.simd}`);
  assert(compute(kernels) === compute(await load()), "other numbers than from the main entry");
}

/** How many modules are compiled as they arrive during the call. */
async function streamed(body: () => Promise<void>): Promise<number> {
  const { compileStreaming } = WebAssembly;
  let count = 0;
  WebAssembly.compileStreaming = (source) => {
    count += 1;
    return compileStreaming(source);
  };
  try {
    await body();
  } finally {
    WebAssembly.compileStreaming = compileStreaming;
  }
  return count;
}

const CHECKS: Record<string, (compiled: Compiled) => Promise<void>> = {
  async "load compiles its module as it arrives, once"() {
    const { load } = await from("");
    const count = await streamed(async () => {
      await assertWorks(await load());
      await assertWorks(await load());
    });
    assert(count === 1, `compiled ${count} times`);
  },
  async "load({ relaxedSimd }) gives what the main entry gives"() {
    const actual = await (await from("")).load({ relaxedSimd: true });
    const expected = await (await main()).load({ relaxedSimd: true });
    assert(actual.simd === expected.simd, `${actual.simd}, not ${expected.simd}`);
    assert(compute(actual) === compute(expected), "other numbers than from the main entry");
  },
  async "load takes a module of another type than application/wasm"() {
    const { load } = await from("/untyped");
    const count = await streamed(async () => assertWorks(await load()));
    assert(count === 0, "not to be tried as it arrives");
  },
  async "load takes a module whose type has a parameter"() {
    const { load } = await from("/parameter");
    await assertWorks(await load());
  },
  async "load({ url }) takes a string or a URL"() {
    const { load } = await from("/absent");
    await assertWorks(await load({ url: PACKAGE.wasm }));
    await assertWorks(await load({ url: new URL(`/untyped${PACKAGE.wasm}`, location.href) }));
  },
  async "load({ module }) fetches nothing"(compiled) {
    const { load } = await from("/absent");
    await assertWorks(await load({ module: await compiled() }));
  },
  async "load says what it did not get, and from where"() {
    const { load } = await from("/absent");
    await assertRejects(load(), Error, /^load: url: .*\/absent\/.*adanorm\.wasm.* 404$/);
    await assertRejects(load({ url: "/nowhere.wasm" }), Error, /\/nowhere\.wasm.* 404$/);
  },
  async "load tries again after a failure"() {
    const { load } = await from("/unreliable");
    await assertRejects(load(), Error, /503/);
    await assertWorks(await load());
  },
  async "load refuses what is no module"() {
    const { load } = await from("");
    await assertRejects(load({ url: PACKAGE.url }), WebAssembly.CompileError, /./);
  },
};

/** The whole suite: all checks run, even if some of them fail. */
async function checkAll(compiled: Compiled): Promise<Report> {
  const tally = new Tally();
  const { test } = tally;
  const host: Host = {};
  await test("adanorm/wasm, compiled by the host", async () => {
    host.bytes = await (await fetchModule()).arrayBuffer();
    host.module = await compiled();
  });
  const report = await runSuite(host);
  for (const [name, body] of Object.entries(CHECKS)) await test(`adanorm/url: ${name}`, () => body(compiled));
  await test("the Content-Security-Policy is in force", () => {
    let evaluated = true;
    try {
      new Function("");
    } catch {
      evaluated = false;
    }
    assert(!evaluated, "eval is allowed");
  });
  await test("nothing was tried that the Content-Security-Policy forbids", () => {
    assert(violations.length === 0, violations.join(", "));
  });
  return { ...report, passed: report.passed + tally.passed, failed: [...report.failed, ...tally.failed] };
}

/** Runs the checks that the address asks for. */
export async function check(compiled: Compiled): Promise<Message> {
  const asked = new URLSearchParams(location.search).get("checks");
  if (asked === "threads") return checkThreads();
  return asked === "one thread" ? checkOneThread() : checkAll(compiled);
}
