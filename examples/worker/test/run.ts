/**
 * `npm run test:worker`: the Worker, bundled by wrangler against the packed package, in miniflare, under bursts of
 * requests of every sort; every answer is compared with what the package gives in Node.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { type IncomingMessage, request } from "node:http";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { broken, finish, makeProject, missing } from "../../../test/portable/project.ts";
import { MAX_NORMS } from "../src/limits.ts";
import { send } from "./client.ts";
import { bundle, type Host, start } from "./host.ts";
import { checkNorms, checkStreams } from "./parts.ts";
import { Choices } from "./random.ts";
import { burst, type Exchange, queryOf, tooLong } from "./requests.ts";

const BURSTS = 8;
const REQUESTS = 500;

/** By then caches are full and code is compiled, so memory must not grow from there on. */
const WARM = 2;

/** The scratch area: a tile of 128 KiB, and 512 KiB of statistics where that is 32,768 rows of 1. */
const MOST_LINEAR = 2 ** 20;

/** A kilobyte kept of each request would be 3 MB. */
const MOST_LIVE = 2 ** 20;

/** What the allocators of workerd may give back late. About ten times as much passes through them. */
const MOST_RESIDENT = 64 * 2 ** 20;

/** Far more than the buffers on the way hold, and far less than the body of a client that does not read. */
const MOST_STALLED = 32 * 2 ** 20;

const DEADLINE = 240_000;

const mebibytes = (bytes: number | undefined) => (bytes === undefined ? "?" : `${(bytes / 2 ** 20).toFixed(1)} MiB`);

/** Runs it and prints how it went, with the figures that it returns, if any. */
async function check(what: string, body: () => unknown): Promise<void> {
  const begin = performance.now();
  try {
    const figures = await body();
    const seconds = ((performance.now() - begin) / 1000).toFixed(1);
    console.log(`ok: ${what} (${seconds} s)${typeof figures === "string" ? `: ${figures}` : ""}`);
  } catch (error) {
    broken(what, error);
  }
}

/** Sends one, and says what is wrong with the answer. */
async function fault(host: Host, { what, message, fault }: Exchange): Promise<string | undefined> {
  try {
    const found = fault(await send(host.url, message));
    return found && `${what}: ${found}`;
  } catch (error) {
    return `${what}: ${error}`;
  }
}

interface Memory {
  linear: number;
  live: number;
  resident: number | undefined;
}

async function memory(host: Host): Promise<Memory> {
  const live = await host.live();
  return { linear: (await host.memory()).size, live, resident: host.resident() };
}

/** All requests of a burst at once. */
async function runBurst(host: Host, seed: number): Promise<void> {
  const { exchanges, malformed } = burst(seed, REQUESTS);
  const bytes = exchanges.flatMap(({ message }) => message.parts).reduce((sum, part) => sum + part.length, 0);
  await check(`burst ${seed}`, async () => {
    const begin = performance.now();
    const faults = (await Promise.all(exchanges.map((exchange) => fault(host, exchange)))).filter(Boolean);
    const seconds = (performance.now() - begin) / 1000;
    const { linear, live, resident } = await memory(host);
    const figures =
      `${exchanges.length} requests at once, ${malformed} of them malformed, ${mebibytes(bytes)} sent, ` +
      `${faults.length} wrong answers, ${seconds.toFixed(2)} s, ${Math.round(exchanges.length / seconds)} requests a second; ` +
      `linear memory ${mebibytes(linear)}, heap ${mebibytes(live)}, resident ${mebibytes(resident)}`;
    assert.equal(faults.length, 0, `${figures}\n    ${faults.slice(0, 20).join("\n    ")}`);
    return figures;
  });
}

/** A client that sends and does not read must be held up, and gets everything in the end. */
async function runStalled(host: Host): Promise<string> {
  const part = Buffer.alloc(2 ** 20);
  const parts = 60;
  const outgoing = request(new URL(queryOf({ norm: "layerNorm", size: 256 }), host.url), {
    method: "POST",
    headers: { "content-type": "application/octet-stream", "transfer-encoding": "chunked" },
    agent: false,
    timeout: 60_000,
  });
  outgoing.on("timeout", () => outgoing.destroy(new Error("timed out")));
  const answer = new Promise<IncomingMessage>((resolve, reject) => {
    outgoing.on("response", resolve);
    outgoing.on("error", reject);
  });
  let sent = 0;
  const sending = (async () => {
    for (; sent < parts * part.length; sent += part.length) {
      if (!outgoing.write(part)) await once(outgoing, "drain");
    }
    outgoing.end();
  })();
  // The code below waits for it.
  sending.catch(() => {});
  const before = host.resident();
  await wait(2000);
  const stalled = sent;
  const during = host.resident();
  let received = 0;
  for await (const chunk of await answer) received += chunk.length;
  await sending;
  const figures = `${mebibytes(stalled)} of ${parts} MiB taken meanwhile, resident ${mebibytes(before)}, then ${mebibytes(during)}`;
  assert.ok(stalled < MOST_STALLED, figures);
  assert.equal(received, parts * part.length);
  return figures;
}

async function runHost(host: Host): Promise<void> {
  const start = await memory(host);
  console.log(
    `    at the start: linear memory ${mebibytes(start.linear)}, heap ${mebibytes(start.live)}, resident ${mebibytes(start.resident)}`,
  );
  let warm = start;
  for (let seed = 1; seed <= BURSTS; seed++) {
    await runBurst(host, seed);
    if (seed === WARM) warm = await memory(host);
  }
  await check("memory is where it was", async () => {
    const end = await memory(host);
    const { used, norms } = await host.memory();
    assert.equal(used, 0, "bytes of matrices");
    assert.equal(norms, MAX_NORMS, "norms that are kept");
    assert.ok(end.linear > start.linear, "linear memory: not that of the kernels that answered");
    assert.equal(end.linear, warm.linear, "linear memory");
    assert.ok(end.linear <= MOST_LINEAR, `linear memory: ${end.linear} bytes`);
    assert.ok(end.live - warm.live < MOST_LIVE, `heap: ${warm.live} bytes, then ${end.live}`);
    const grown = end.resident === undefined || warm.resident === undefined ? 0 : end.resident - warm.resident;
    assert.ok(grown < MOST_RESIDENT, `resident: ${warm.resident} bytes, then ${end.resident}`);
    return (
      `after bursts ${WARM} and ${BURSTS}: linear memory ${mebibytes(warm.linear)} and ${mebibytes(end.linear)}, ` +
      `heap ${mebibytes(warm.live)} and ${mebibytes(end.live)}, resident ${mebibytes(warm.resident)} and ${mebibytes(end.resident)}`
    );
  });
  await check("a chunked body over the limit is answered up to the limit", async () => {
    assert.equal(await fault(host, tooLong(new Choices(1))), undefined);
  });
  await check("a client that does not read is held up", () => runStalled(host));
  await check("workerd complains of nothing but streams that broke off and clients that left", () => {
    const expected = /^stack: |remote\.jsg\.Error: body: expected |disconnected: /;
    const others = host.printed.filter((line) => !expected.test(line));
    assert.deepEqual(others, []);
    return `${host.printed.filter((line) => line.includes("body: expected")).length} of them`;
  });
}

if (!existsSync(new URL("../node_modules/miniflare", import.meta.url))) {
  missing("the Worker in workerd", "npm --prefix examples/worker ci --ignore-scripts");
} else {
  await checkParts();
  await checkWhole();
}
finish();

async function checkParts(): Promise<void> {
  for (const [what, body] of [...checkStreams(), ...checkNorms()]) await check(what, body);
}

async function checkWhole(): Promise<void> {
  const project = makeProject("worker");
  process.once("exit", project.remove);
  const deadline = setTimeout(() => {
    broken("the Worker in workerd", `not done after ${DEADLINE / 1000} s`);
    process.exit(1);
  }, DEADLINE);
  let host: Host | undefined;
  try {
    const { folder, upload } = bundle(project, "src/index.ts", "upload");
    await check("the package's module is uploaded as it is", () => {
      const file = readdirSync(folder).find((name) => name.endsWith("adanorm.wasm"));
      // A Worker may compile bytes while it starts, so another entry of the package would work too; it is larger and slower.
      assert.ok(file, "expected a .wasm file, got bytes in JavaScript");
      const module = readFileSync(join(folder, file));
      assert.ok(module.equals(readFileSync(join(project.installed, "build/adanorm.wasm"))));
    });
    await check("the README says how large the upload is", () => {
      const size = Number(upload.match(/gzip: ([\d.]+) KiB/)?.[1]);
      const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");
      const limit = Number(readme.match(/upload\s+is\s+less\s+than\s+(\d+)\s+KiB\s+compressed/)?.[1]);
      assert.ok(size < limit && size > 0.9 * limit, `${size} KiB, and the README says ${limit}`);
      return upload;
    });
    host = await start(bundle(project, "test/entry.ts", "out").folder);
    await runHost(host);
  } catch (error) {
    broken("the Worker in workerd", error);
  } finally {
    await host?.stop();
    clearTimeout(deadline);
  }
}
