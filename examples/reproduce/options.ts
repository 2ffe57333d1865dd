/** The command line. */
import { availableParallelism } from "node:os";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { NORMS, type NormName } from "./contenders.ts";
import { PRESETS, type Scale, TASKS, type TaskName } from "./plans.ts";

const OUT = fileURLToPath(new URL("out", import.meta.url));

const { seeds } = PRESETS.default;

export const HELP = `Trains the paper's comparison of norms again, with adanorm doing the normalising.

  npm run reproduce -- [options]

  --smoke          a few steps of everything, in less than two minutes: shows that it works
                   (without --smoke and --full: in less than twenty minutes)
  --full           as long as it takes to come near the paper's accuracy on MNIST
  --task NAME      only this task; may be repeated: ${TASKS.join(", ")}
  --norm NAME      only this norm; may be repeated: ${NORMS.join(", ")}
  --seeds N        runs of every norm in every task, 1 to 100 (default ${seeds}; ${PRESETS.smoke.seeds} for --smoke, ${PRESETS.full.seeds} for --full)
  --processes N    runs at a time, 1 to 64 (default: one for each core, ${availableParallelism()} here)
  --fresh          repeat runs that are finished already
  --out FOLDER     the folder for runs, table and charts (default examples/reproduce/out)
  --write-docs     put table and charts into docs/reproduction.md
  --help           prints this

Finished runs are kept: the same command continues where the last one was stopped.`;

export interface Options {
  scale: Scale;
  tasks: TaskName[];
  norms: NormName[];
  seeds: number;
  processes: number;
  fresh: boolean;
  writeDocs: boolean;
  out: string;
}

function integer(name: string, text: string, most: number): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < 1 || value > most) {
    throw new Error(`--${name}: expected an integer from 1 to ${most}, got "${text}"`);
  }
  return value;
}

/** The chosen ones, in the standard order; all of them if none was chosen. */
function choice<T extends string>(name: string, asked: string[] | undefined, all: readonly T[]): T[] {
  for (const one of asked ?? []) {
    if (!all.some((known) => known === one)) throw new Error(`--${name}: expected ${all.join(", ")}, got "${one}"`);
  }
  return asked ? all.filter((known) => asked.includes(known)) : [...all];
}

/** @throws Error when an option is unknown or its value is out of range; undefined when help is asked for. */
export function parse(args: string[]): Options | undefined {
  const { values } = parseArgs({
    args,
    options: {
      smoke: { type: "boolean", default: false },
      full: { type: "boolean", default: false },
      task: { type: "string", multiple: true },
      norm: { type: "string", multiple: true },
      seeds: { type: "string" },
      processes: { type: "string", default: String(Math.min(64, availableParallelism())) },
      fresh: { type: "boolean", default: false },
      "write-docs": { type: "boolean", default: false },
      out: { type: "string", default: OUT },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return undefined;
  if (values.smoke && values.full) throw new Error("--smoke and --full exclude each other");
  if (values.smoke && values["write-docs"]) throw new Error("--write-docs: a smoke test has no results to write");
  if (values.out === "") throw new Error("--out: expected the name of a folder");
  const scale = values.smoke ? "smoke" : values.full ? "full" : "default";
  return {
    scale,
    tasks: choice("task", values.task, TASKS),
    norms: choice("norm", values.norm, NORMS),
    seeds: values.seeds === undefined ? PRESETS[scale].seeds : integer("seeds", values.seeds, 100),
    processes: integer("processes", values.processes, 64),
    fresh: values.fresh,
    writeDocs: values["write-docs"],
    out: resolve(values.out),
  };
}
