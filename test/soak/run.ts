/**
 * Hours of mixed load: memory stays flat, contents stay as they are, results stay the same bytes.
 *
 *     npm run soak -- --minutes 120 --seed 1 --markdown docs/reliability.md
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { replacePart } from "../../scripts/markdown.ts";
import { Random } from "../accuracy/random.ts";
import { ACTIONS, type Counts } from "./actions.ts";
import { aboutRun, table } from "./report.ts";
import { QUANTITIES, type Sample, trendOf } from "./samples.ts";
import { World } from "./world.ts";

const OUT = new URL("out/", import.meta.url);
const USAGE = "usage: npm run soak -- [--minutes N] [--seed SEED] [--markdown FILE]";
const MIB = 2 ** 20;

/** Samples of a run, and the shortest time between two. */
const SAMPLES = 300;
const SHORTEST = 1000;

/** How often everything that was dropped must have been freed. */
const SETTLE = 400;

const MOST = ACTIONS.reduce((sum, [, share]) => sum + share, 0);

function drawAction(random: Random) {
  let left = random.between(0, MOST);
  for (const each of ACTIONS) {
    left -= each[1];
    if (left < 0) return each;
  }
  return ACTIONS[0] as (typeof ACTIONS)[0];
}

/** Worlds that live as long as the run. The memory of each grows at the start to more than its matrices will ever need. */
function makeWorlds(): World[] {
  const worlds = [
    new World("small", 1 * MIB, 16 * MIB),
    new World("middle", 4 * MIB, 64 * MIB),
    new World("large", 12 * MIB),
  ];
  for (const { kernels, budget } of worlds) kernels.matrix(1, (budget * 5) / 8).free();
  return worlds;
}

async function sample(worlds: readonly World[], start: number, actions: number): Promise<Sample> {
  for (const world of worlds) {
    world.dropViews(0);
    await world.settle();
    world.verifyAll();
  }
  globalThis.gc?.();
  const { heapUsed, external, arrayBuffers, rss } = process.memoryUsage();
  const sum = (of: (world: World) => number) => worlds.reduce((total, world) => total + of(world), 0);
  const linear = sum(({ kernels }) => kernels.memory.size);
  const unaccounted = sum(({ kernels, bytes }) => kernels.memory.used - bytes);
  const seconds = (performance.now() - start) / 1000;
  return { seconds, actions, heapUsed, external, arrayBuffers, rss, linear, unaccounted };
}

interface Options {
  minutes: number;
  seed: string;
  markdown: string | undefined;
}

async function soak({ minutes, seed, markdown }: Options): Promise<number> {
  const random = new Random(seed);
  const worlds = makeWorlds();
  const samples: Sample[] = [];
  const counts: Counts = {};
  const recent: string[] = [];
  const length = minutes * 60_000;
  const every = Math.max(length / SAMPLES, SHORTEST);
  const start = performance.now();
  let [actions, next, shown] = [0, 0, 0];
  try {
    for (let now = 0; now < length; now = performance.now() - start) {
      const world = worlds[random.integer(worlds.length)] as World;
      const [name, , action] = drawAction(random);
      recent[actions % 20] = `${name} (${world.name})`;
      actions++;
      counts[name] = (counts[name] ?? 0) + 1;
      action(world, random, counts);
      world.checkUsed();
      if (actions % SETTLE === 0) await world.settle();
      if (now >= next) {
        samples.push(await sample(worlds, start, actions));
        next += every;
      }
      if (now - shown > 10_000) {
        const left = Math.ceil((length - now) / 60_000);
        process.stderr.write(`${((100 * now) / length).toFixed(1)} %, ${left} min left: ${actions} actions\n`);
        shown = now;
      }
    }
    samples.push(await sample(worlds, start, actions));
  } catch (error) {
    const last = Array.from({ length: Math.min(actions, 20) }, (_, i) => recent[(actions - 1 - i) % 20]);
    console.error(
      `seed ${seed}, action ${actions}: ${(error as Error).stack}\nbefore it, the last first: ${last.join(", ")}`,
    );
    return 1;
  }
  const about = aboutRun({ minutes, seed, actions, counts });
  const text = `${about}\n\n${table(samples)}`;
  console.log(text);
  mkdirSync(OUT, { recursive: true });
  writeFileSync(new URL("soak.json", OUT), `${JSON.stringify({ minutes, seed, actions, counts, samples }, null, 1)}\n`);
  if (markdown !== undefined) writeFileSync(markdown, replacePart(readFileSync(markdown, "utf8"), "soak", text));
  const growing = QUANTITIES.filter((quantity) => !trendOf(samples, quantity).isFlat);
  if (growing.length > 0) console.error(`seed ${seed}: grows: ${growing.join(", ")}`);
  return growing.length > 0 ? 1 : 0;
}

function readOptions(): Options {
  const { values } = parseArgs({
    options: {
      minutes: { type: "string", default: "2" },
      seed: { type: "string", default: "soak" },
      markdown: { type: "string" },
    },
  });
  const { seed, markdown } = values;
  const minutes = Number(values.minutes);
  if (!(minutes > 0)) throw new Error(`--minutes: expected a number > 0, got ${values.minutes}`);
  // Checked before the run, which takes hours: the file exists and has its markers.
  if (markdown !== undefined) replacePart(readFileSync(markdown, "utf8"), "soak", "");
  if (globalThis.gc === undefined) throw new Error("expected to be run with --expose-gc");
  return { minutes, seed, markdown };
}

let options: Options | undefined;
try {
  options = readOptions();
} catch (error) {
  console.error(`${(error as Error).message}\n${USAGE}`);
  process.exitCode = 2;
}
if (options) process.exitCode = await soak(options);
