/** Finished runs, one file each, named by everything that decides the result. */
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Result, Settings } from "./result.ts";

/** Raised when models, data or training change, so that older results are not mistaken for current ones. */
const VERSION = 1;

export class Store {
  readonly #folder: string;

  constructor(out: string) {
    this.#folder = join(out, "runs");
    mkdirSync(this.#folder, { recursive: true });
  }

  #file(settings: Settings): string {
    const { task, norm, seed, plan } = settings;
    const sorted = Object.entries(plan).sort(([a], [b]) => (a < b ? -1 : 1));
    const hash = createHash("sha256").update(JSON.stringify([VERSION, task, norm, seed, sorted]));
    return join(this.#folder, `${task}-${norm}-${seed}-${hash.digest("hex").slice(0, 12)}.json`);
  }

  /** Undefined if there is no result, or none that can be read. */
  load(settings: Settings): Result | undefined {
    try {
      return JSON.parse(readFileSync(this.#file(settings), "utf8"));
    } catch {
      return undefined;
    }
  }

  /** The file is written completely or not at all, even if the process ends. */
  save(result: Result): void {
    const file = this.#file(result.settings);
    writeFileSync(`${file}.unfinished`, `${JSON.stringify(result)}\n`);
    renameSync(`${file}.unfinished`, file);
  }

  remove(settings: Settings): void {
    rmSync(this.#file(settings), { force: true });
  }
}
