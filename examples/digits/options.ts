/** The command line of the example. */
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import type { Settings } from "./training.ts";

/** Digits in a batch, and the step along the gradient. */
const BATCH = 16;
const LEARNING_RATE = 0.1;

const DEFAULTS = {
  train: "20000",
  epochs: "1",
  seed: "1",
  out: fileURLToPath(new URL("out/report.html", import.meta.url)),
};

export const HELP = `Trains a small classifier of handwritten digits without a norm and with each norm of the package,
checks the norms on the 10,000 test digits, prints a table and writes a report.

  npm start -- [options]

  --train N   training digits, ${BATCH} to 60000 (default ${DEFAULTS.train})
  --epochs N  passes over them, 1 to 100 (default ${DEFAULTS.epochs})
  --seed N    decides the initial weights and the batches, 0 to 4294967295 (default ${DEFAULTS.seed})
  --out FILE  where the report goes (default ${DEFAULTS.out})
  --help      prints this`;

/** What the command line asked for: help, or a run. */
export type Request = { help: true } | { help: false; settings: Settings; out: string };

function integer(name: string, text: string, least: number, most: number): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < least || value > most) {
    throw new Error(`--${name}: expected an integer from ${least} to ${most}, got "${text}"`);
  }
  return value;
}

/** @throws Error when an option is unknown or its value is out of range. */
export function parse(args: string[]): Request {
  const { values } = parseArgs({
    args,
    options: {
      train: { type: "string", default: DEFAULTS.train },
      epochs: { type: "string", default: DEFAULTS.epochs },
      seed: { type: "string", default: DEFAULTS.seed },
      out: { type: "string", default: DEFAULTS.out },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return { help: true };
  if (values.out === "") throw new Error("--out: expected the name of a file");
  return {
    help: false,
    settings: {
      train: integer("train", values.train, BATCH, 60_000),
      epochs: integer("epochs", values.epochs, 1, 100),
      seed: integer("seed", values.seed, 0, 2 ** 32 - 1),
      batch: BATCH,
      learningRate: LEARNING_RATE,
    },
    out: resolve(values.out),
  };
}
