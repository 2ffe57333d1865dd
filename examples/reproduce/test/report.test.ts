/** Tables: what diverges, and what has not been run. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { NormName } from "../contenders.ts";
import { PRESETS } from "../plans.ts";
import { claimTable, findings, kindTable, paperTable, type Report, resultTable } from "../report.ts";
import type { Result, Score } from "../result.ts";
import { summarize } from "../summary.ts";

const NORMS: NormName[] = ["none", "layerNorm"];

/** Translations, seed by seed; without a score the run diverged. */
function runs(norm: NormName, ...scores: (Score | undefined)[]): Result[] {
  return scores.map((score, i) => ({
    settings: { task: "atis", norm, seed: i + 1, plan: PRESETS.smoke.plans.atis },
    curve: [],
    gradients: [],
    ...(score && { score }),
    seconds: 1,
  }));
}

function report(results: Result[]): Report {
  return {
    scale: "full",
    tasks: ["atis"],
    norms: NORMS,
    plans: PRESETS.full.plans,
    seeds: 2,
    summary: summarize(["atis"], NORMS, results),
    machine: { cpu: "", cores: 1, node: "", tensorflow: "", adanorm: "", date: "" },
    seconds: 1,
    command: "",
  };
}

const score = (bleu: number, greedyBleu: number): Score => ({ loss: 1, bleu, greedyBleu });
const DIVERGED = report([...runs("none", undefined, undefined), ...runs("layerNorm", score(30, 28), score(32, 30))]);

const lineOf = (table: string, name: string) => table.split("\n").find((line) => line.startsWith(`| ${name}`)) ?? "";

test("a task has both its figures, and a norm that diverges has none", () => {
  const table = resultTable(DIVERGED);
  assert.match(lineOf(table, "LayerNorm"), /31\.00 ± 1\.41 \| 29\.00 ± 1\.41/);
  assert.match(lineOf(table, "w/o norm"), /- \(2 of 2 diverged\) \| - \|/);
});

test("a claim reproduces if only the norm that it calls worse diverges", () => {
  const line = lineOf(claimTable(DIVERGED), "LayerNorm is better than no norm");
  assert.match(line, /ATIS \| reproduces \| w\/o norm diverges in 2 of 2 \| 2 of 2 \| En-Vi: \+2\.8/);
  const said = findings(DIVERGED).join("\n");
  assert.match(said, /became NaN in 2 runs of w\/o norm on ATIS/);
  assert.match(said, /"LayerNorm is better than no norm" reproduces on ATIS/);
});

test("the table of all kinds says which have not been run", () => {
  const table = kindTable(DIVERGED);
  assert.equal(table.split("\n").length, 2 + 5);
  assert.match(lineOf(table, "translation"), /\| diverged \| 31\.00 ± 1\.41 \| not run yet/);
  assert.match(lineOf(table, "parsing"), /not run yet/);
});

test("the paper's figures are those of its tables", () => {
  assert.match(
    lineOf(paperTable(), "DetachNorm"),
    /99\.10 \| 1\.12 \| 76\.40 \| 40\.04 \| 89\.79 \| diverges \| 33\.9 \| 27\.7/,
  );
});
