/** The store from which a stopped command continues. */
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { PRESETS } from "../plans.ts";
import type { Result, Settings } from "../result.ts";
import { Store } from "../store.ts";

const SETTINGS: Settings = { task: "brown", norm: "adaNorm", seed: 1, plan: PRESETS.smoke.plans.brown };

const RESULT: Result = { settings: SETTINGS, curve: [], gradients: [], score: { loss: 1, accuracy: 0.5 }, seconds: 1 };

let out: string;

beforeEach(() => {
  out = mkdtempSync(join(tmpdir(), "reproduce-"));
});

afterEach(() => rmSync(out, { recursive: true }));

const file = () => join(out, "runs", readdirSync(join(out, "runs"))[0] as string);

test("a finished run is found again, by another process too", () => {
  new Store(out).save(RESULT);
  assert.deepEqual(new Store(out).load(structuredClone(SETTINGS)), RESULT);
});

test("other settings are another run", () => {
  const store = new Store(out);
  store.save(RESULT);
  const others: Settings[] = [
    { ...SETTINGS, seed: 2 },
    { ...SETTINGS, norm: "none" },
    { ...SETTINGS, task: "mnist" },
    { ...SETTINGS, plan: { ...SETTINGS.plan, learningRate: 1 } },
  ];
  for (const other of others) assert.equal(store.load(other), undefined);
});

test("nothing is left beside it", () => {
  new Store(out).save(RESULT);
  assert.equal(readdirSync(join(out, "runs")).length, 1);
});

test("a run that is not whole is no run", () => {
  new Store(out).save(RESULT);
  writeFileSync(file(), JSON.stringify(RESULT).slice(0, -9));
  assert.equal(new Store(out).load(SETTINGS), undefined);
});
