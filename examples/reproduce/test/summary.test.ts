/** The conclusions from the figures. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { NormName } from "../contenders.ts";
import { PRESETS } from "../plans.ts";
import type { Result } from "../result.ts";
import { spreadOf, summarize } from "../summary.ts";

/** Runs on MNIST with these accuracies, seed by seed. */
function runs(norm: NormName, ...accuracies: (number | undefined)[]): Result[] {
  return accuracies.map((accuracy, i) => ({
    settings: { task: "mnist", norm, seed: i + 1, plan: PRESETS.smoke.plans.mnist },
    curve: [],
    gradients: [],
    ...(accuracy !== undefined && { score: { loss: 1, accuracy } }),
    seconds: 1,
  }));
}

function verdict(adaNorm: Result[], layerNorm: Result[]) {
  const { comparisons } = summarize(["mnist"], ["layerNorm", "adaNorm"], [...adaNorm, ...layerNorm]);
  return comparisons.find(({ claim }) => claim.better === "adaNorm")?.verdict;
}

test("the deviation is that of a sample, and there is none of one", () => {
  assert.deepEqual(spreadOf([1, 2, 3]), { mean: 2, deviation: 1, count: 3 });
  assert.deepEqual(spreadOf([1]), { mean: 1, count: 1 });
});

test("differences are taken within seeds", () => {
  // Far apart between seeds, but always better by about a hundredth.
  const ada = runs("adaNorm", 0.51, 0.711, 0.909);
  assert.equal(verdict(ada, runs("layerNorm", 0.5, 0.7, 0.9)), "yes");
  assert.equal(verdict(ada, runs("layerNorm", 0.52, 0.72, 0.92)), "reversed");
  assert.equal(verdict(ada, runs("layerNorm", 0.7, 0.5, 0.9)), "undecided");
});

test("one seed decides nothing", () => {
  assert.equal(verdict(runs("adaNorm", 0.9), runs("layerNorm", 0.1)), "undecided");
});

test("a seed that diverged is counted, and left out of the differences", () => {
  const { cells, comparisons } = summarize(
    ["mnist"],
    ["layerNorm", "adaNorm"],
    [...runs("adaNorm", 0.9, undefined, 0.8), ...runs("layerNorm", 0.8, 0.7, 0.7)],
  );
  assert.deepEqual(
    cells.map(({ diverged }) => diverged),
    [0, 1],
  );
  assert.equal(comparisons[0]?.difference?.count, 2);
  assert.equal(comparisons[0]?.inFavour, 2);
});

test("a norm with which no seed trains is worse than one with which all do", () => {
  const trained = (norm: NormName) => runs(norm, 0.9, 0.8);
  const diverged = (norm: NormName) => runs(norm, undefined, undefined);
  assert.equal(verdict(trained("adaNorm"), diverged("layerNorm")), "yes");
  assert.equal(verdict(diverged("adaNorm"), trained("layerNorm")), "reversed");
  assert.equal(verdict(diverged("adaNorm"), diverged("layerNorm")), "undecided");
  assert.equal(verdict(runs("adaNorm", 0.9, undefined), runs("layerNorm", undefined, 0.8)), "undecided");
});

test("a norm is compared in the tasks in which it competes only", () => {
  const { cells } = summarize(["mnist", "atis"], ["layerNorm", "adaNorm2"], []);
  assert.deepEqual(
    cells.map(({ task, norm }) => [task, norm]),
    [
      ["mnist", "layerNorm"],
      ["atis", "layerNorm"],
      ["atis", "adaNorm2"],
    ],
  );
});
