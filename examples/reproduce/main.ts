/**
 * The paper's comparison of norms, trained again: every norm in every task, with as many seeds as asked for, each run in
 * a separate process. Prints the results beside the paper's figures, and writes them as JSON and Markdown, with charts.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { replacePart } from "../../scripts/markdown.ts";
import { type Drawing, drawings } from "./charts.ts";
import { CONTENDERS, competing } from "./contenders.ts";
import { thisMachine } from "./machine.ts";
import { HELP, type Options, parse } from "./options.ts";
import { costOf, PRESETS } from "./plans.ts";
import { Pool } from "./pool.ts";
import { Progress } from "./progress.ts";
import { kindTable, markdown, type Report, text } from "./report.ts";
import type { Result, Settings } from "./result.ts";
import { Store } from "./store.ts";
import { METRICS, summarize } from "./summary.ts";

const DOCS = fileURLToPath(new URL("../../docs/", import.meta.url));

/** The exit code that a shell expects of a program that ctrl-C ended. */
const INTERRUPTED = 130;

/** Seed by seed, so that there are early results of every norm and task. */
function allRuns({ scale, tasks, norms, seeds }: Options): Settings[] {
  const numbers = Array.from({ length: seeds }, (_, i) => i + 1);
  return numbers.flatMap((seed) =>
    tasks.flatMap((task) =>
      competing(task, norms).map((norm) => ({ task, norm, seed, plan: PRESETS[scale].plans[task] })),
    ),
  );
}

/** Runs what is not done yet. Returns false if ctrl-C stopped it. */
async function runMissing(runs: Settings[], store: Store, { scale, processes }: Options): Promise<boolean> {
  const missing = runs.filter((run) => !store.load(run));
  const seconds = ({ task, plan }: Settings, steps = plan.steps) => {
    const { startUp, step } = costOf(scale, task);
    return startUp + steps * step;
  };
  const total = missing.reduce((sum, run) => sum + seconds(run), 0);
  const progress = new Progress(total / Math.min(processes, Math.max(1, missing.length)));
  const underWay = new Map<Settings, number>();
  let finished = 0;
  let count = runs.length - missing.length;
  const show = (run: Settings, always?: boolean) => {
    const partly = [...underWay.values()].reduce((sum, value) => sum + value, 0);
    const doing = `${METRICS[run.task].title}, ${CONTENDERS[run.norm].title}, seed ${run.seed}`;
    progress.show(Math.min(1, (finished + partly) / total), `${count} of ${runs.length} runs  ${doing}`, always);
  };

  const pool = new Pool();
  let interrupted = false;
  const interrupt = () => {
    interrupted = true;
    pool.stop();
  };
  process.on("SIGINT", interrupt).on("SIGTERM", interrupt);
  if (count > 0) console.error(`${count} of ${runs.length} runs are there already`);
  try {
    await pool.runAll(missing, processes, {
      progress(run, steps) {
        underWay.set(run, seconds(run, steps));
        show(run);
      },
      done(result) {
        // The settings came as a copy, which is not the key in `underWay`.
        const run = missing.find(({ task, norm, seed }) => {
          const { settings } = result;
          return settings.task === task && settings.norm === norm && settings.seed === seed;
        }) as Settings;
        store.save(result);
        underWay.delete(run);
        finished += seconds(run);
        count++;
        show(run, true);
      },
    });
  } finally {
    progress.end();
    process.off("SIGINT", interrupt).off("SIGTERM", interrupt);
  }
  if (interrupted)
    console.error(`stopped: ${count} of ${runs.length} runs are kept; the same command goes on from there`);
  return !interrupted;
}

function writeCharts(folder: string, charts: readonly Drawing[]): void {
  mkdirSync(folder, { recursive: true });
  for (const { name, svg } of charts) writeFileSync(join(folder, `${name}.svg`), svg);
}

/** Links to charts in a folder beside the text. */
function links(charts: readonly Drawing[], folder = "") {
  return charts.map(({ name, title }) => ({ file: `${folder}${name}.svg`, title }));
}

function writeOutput(report: Report, results: readonly Result[], out: string): string {
  const folder = join(out, report.scale);
  const charts = drawings(report.tasks, report.norms, results);
  writeCharts(folder, charts);
  const { seconds, ...rest } = report;
  writeFileSync(join(folder, "results.json"), `${JSON.stringify({ ...rest, seconds, results }, null, 1)}\n`);
  writeFileSync(join(folder, "results.md"), `# Results\n\n${markdown(report, links(charts))}\n`);
  return folder;
}

/** Each scale has a part of the page, and a folder of charts. The table of all kinds is that of the full training. */
function writeDocs(report: Report, results: readonly Result[]): void {
  const { scale } = report;
  const charts = drawings(report.tasks, report.norms, results);
  writeCharts(join(DOCS, "reproduction", scale), charts);
  const page = join(DOCS, "reproduction.md");
  const part = markdown(report, links(charts, `reproduction/${scale}/`), "###");
  const written = replacePart(readFileSync(page, "utf8"), scale, part);
  writeFileSync(page, scale === "full" ? replacePart(written, "kinds", kindTable(report)) : written);
  console.log(`written: ${page}`);
}

async function main(): Promise<void> {
  const args = process.argv.slice(2);
  const options = parse(args);
  if (!options) {
    console.log(HELP);
    return;
  }
  const { scale, tasks, norms, seeds, out } = options;
  const store = new Store(out);
  const runs = allRuns(options);
  if (options.fresh) for (const run of runs) store.remove(run);
  if (!(await runMissing(runs, store, options))) {
    process.exitCode = INTERRUPTED;
    return;
  }
  const results = runs.map((run) => store.load(run) as Result);
  const { plans } = PRESETS[scale];
  const report: Report = {
    scale,
    tasks,
    norms,
    seeds,
    plans,
    summary: summarize(tasks, norms, results),
    machine: thisMachine(),
    seconds: results.reduce((sum, { seconds }) => sum + seconds, 0),
    command: ["npm run reproduce", ...(args.length > 0 ? ["--", ...args] : [])].join(" "),
  };
  const folder = writeOutput(report, results, out);
  console.log(`${text(report)}\n\nJSON, Markdown and charts: ${folder}`);
  if (options.writeDocs) writeDocs(report, results);
}

try {
  await main();
} catch (error) {
  console.error(`error: ${(error as Error).message}`);
  process.exitCode = 1;
}
