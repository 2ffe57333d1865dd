/**
 * Real training on real digits, normalised by the kernels of the package.
 *
 * Trains the same small classifier without a norm and with each of the five norms: same initial weights, same batches.
 * Then holds every norm, on the 10,000 test digits, against the double-precision reference, against what the paper
 * proves of its gradients, and against plain JavaScript loops for speed. Prints a table and writes a report.
 */
import { existsSync, mkdirSync, statSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { dirname } from "node:path";
import { type Kernels, loadSync } from "adanorm";
import { NORMS, type NormChoice } from "./contenders.ts";
import type { Digits } from "./digits.ts";
import { readMnist } from "./mnist.ts";
import { type HiddenLayer, type LayerPass, Network, WIDTH } from "./network.ts";
import { HELP, parse } from "./options.ts";
import { digitCharts } from "./pictures.ts";
import { Progress } from "./progress.ts";
import { seeded } from "./random.ts";
import { reportPage } from "./report.ts";
import type { Result } from "./result.ts";
import { examine } from "./statistics.ts";
import { LEGEND, takeaway, textTable, wrapped } from "./table.ts";
import { PlainLoops, time } from "./timing.ts";
import { type Settings, stepsOf, trainNetwork } from "./training.ts";

/** The cost of examining and timing one norm, in training digits. Only the estimate of the remaining time uses it. */
const EXAMINATION = 25_000;

/** The largest error that rounding to f32 explains. */
const ERROR_LIMIT = 2e-6;

/** What all six networks share. */
interface Room {
  kernels: Kernels;
  train: Digits;
  test: Digits;
  plain: PlainLoops;
}

/** Called when some units of work are done, with the name of the current work. */
type Done = (units: number, doing: string) => void;

/** If the report cannot be written, this fails before the training and not after it. */
function prepareOutput(file: string): void {
  const directory = dirname(file);
  if (!existsSync(directory)) mkdirSync(directory);
  if (statSync(file, { throwIfNoEntry: false })?.isDirectory()) throw new Error(`--out: ${file} is a directory`);
}

async function measure(choice: NormChoice | undefined, room: Room, settings: Settings, done: Done): Promise<Result> {
  const { kernels, train, test } = room;
  const name = choice?.name ?? "no norm";
  const norm = choice?.make(kernels, WIDTH);
  const network = new Network(norm, choice?.affine ?? false, seeded(settings.seed));
  const losses = trainNetwork(network, train, settings, () => done(settings.batch, `training with ${name}`));

  if (losses.length < stepsOf(settings)) {
    done((stepsOf(settings) - losses.length) * settings.batch + (choice ? EXAMINATION : 0), `${name} diverged`);
    return { name, losses };
  }

  const everything = Uint32Array.from({ length: test.count }, (_, i) => i);
  const pass = network.allocate(test.count);
  network.forward(test, everything, pass);
  const { correct } = network.backward(test, everything, pass, 1);
  const accuracy = correct / test.count;
  if (!choice || !norm) return { name, losses, accuracy };

  const examined = network.hidden.map(({ affine }, i) =>
    examine(choice, norm, pass.layers[i] as LayerPass, affine ?? {}),
  );
  const [lastLayer, lastPass] = [network.hidden.at(-1) as HiddenLayer, pass.layers.at(-1) as LayerPass];
  const times = await time(choice, kernels, norm, lastLayer, lastPass, room.plain);
  done(EXAMINATION, `examined ${name}`);
  const last = { z: examined.at(-1)?.z as Float64Array, y: lastPass.y };
  return { name, losses, accuracy, norm: { choice, layers: examined.map(({ findings }) => findings), last, times } };
}

/** The failures: an error that rounding does not explain, or a row that contradicts the theorem. */
function complaints(results: Result[]): string[] {
  return results.flatMap(({ name, norm }) =>
    (norm?.layers ?? []).flatMap(({ errors, gradients }, i) => {
      const where = `${name}, layer ${i + 1}`;
      const found: string[] = [];
      // Written so that NaN, for which every comparison is false, is found too.
      if (!(errors.forward <= ERROR_LIMIT)) found.push(`${where}: forward is off the reference by ${errors.forward}`);
      if (!(errors.backward <= ERROR_LIMIT))
        found.push(`${where}: backward is off the reference by ${errors.backward}`);
      const against = gradients.filter(({ holds }) => !holds).length;
      if (against > 0) found.push(`${where}: the theorem fails in ${against} rows`);
      return found;
    }),
  );
}

/** Trains and examines the six networks in sequence. */
async function measureAll(room: Room, settings: Settings): Promise<Result[]> {
  const contenders = [undefined, ...NORMS];
  const training = stepsOf(settings) * settings.batch;
  const progress = new Progress(contenders.length * training + NORMS.length * EXAMINATION);
  const results: Result[] = [];
  try {
    for (const choice of contenders) {
      results.push(await measure(choice, room, settings, (units, doing) => progress.advance(units, doing)));
    }
  } finally {
    progress.end();
  }
  return results;
}

async function main(): Promise<void> {
  const request = parse(process.argv.slice(2));
  if (request.help) {
    console.log(HELP);
    return;
  }
  const { settings, out } = request;
  prepareOutput(out);
  const digits = readMnist();
  const kernels = loadSync();
  const plain = new PlainLoops();
  let results: Result[];
  try {
    results = await measureAll({ kernels, plain, ...digits }, settings);
  } finally {
    plain.close();
  }

  const machine = {
    cpu: cpus()[0]?.model ?? "unknown",
    node: process.version,
    simd: kernels.simd,
    date: new Date().toISOString().slice(0, 16).replace("T", " "),
  };
  const run = { settings, testDigits: digits.test.count, results, machine };
  console.log(`${textTable(results)}\n\n${LEGEND.map(wrapped).join("\n")}\n\n${takeaway(results)}\n`);
  writeFileSync(out, reportPage(run, digitCharts(kernels, digits.test)));
  console.log(`report: ${out}`);

  const found = complaints(results);
  if (found.length > 0) throw new Error(found.join("\n"));
}

try {
  await main();
} catch (error) {
  console.error(`error: ${(error as Error).message}`);
  process.exitCode = 1;
}
