/** Calls run the way that is faster on the machine, on a clock that the test sets. */
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { KIND } from "../../src/threads/control.ts";
import { Pace } from "../../src/threads/pace.ts";
import { random as seeded } from "../support.ts";

let now = 0;
beforeEach(() => void vi.spyOn(performance, "now").mockImplementation(() => now));
afterEach(() => vi.restoreAllMocks());

const COST = 100_000;

interface Call {
  shared: number;
  alone: number;
  cost?: number;
  kind?: KIND;
}

/** Runs calls that take so many ms shared or alone; returns what share of them was shared. */
function shareOf(pace: Pace, calls: number, { shared, alone, cost = COST, kind = KIND.forward }: Call): number {
  let count = 0;
  const share = () => {
    now += shared;
    count++;
    return true;
  };
  const run = () => {
    now += alone;
  };
  for (let i = 0; i < calls; i++) pace.run(kind, cost, share, run);
  return count / calls;
}

test.each([0.004, 0.1, 5])("calls of %d ms are shared while that is faster, all but a fiftieth", (alone) => {
  const pace = new Pace();
  shareOf(pace, 5000, { shared: alone / 2, alone });
  expect(shareOf(pace, 20_000, { shared: alone / 2, alone })).toBeGreaterThan(0.98);
});

test.each([0.004, 0.1, 5])("calls of %d ms run alone while sharing is slower, all but a fiftieth", (alone) => {
  const pace = new Pace();
  shareOf(pace, 5000, { shared: 1.4 * alone, alone });
  expect(shareOf(pace, 20_000, { shared: 1.4 * alone, alone })).toBeLessThan(0.02);
});

test("the way changes when the machine does, and back", () => {
  const pace = new Pace();
  const [fast, slow] = [
    { shared: 0.05, alone: 0.1 },
    { shared: 0.15, alone: 0.1 },
  ];
  for (let i = 0; i < 3; i++) {
    shareOf(pace, 1000, fast);
    expect(shareOf(pace, 1000, fast)).toBeGreaterThan(0.9);
    shareOf(pace, 1000, slow);
    expect(shareOf(pace, 1000, slow)).toBeLessThan(0.1);
  }
});

test("the first calls are shared: nothing speaks against it yet", () => {
  expect(shareOf(new Pace(), 30, { shared: 2, alone: 1 })).toBe(1);
});

test("one call that is held up decides nothing", () => {
  const pace = new Pace();
  let calls = 0;
  const share = () => {
    // Every fourth one: of the three that a trial has at least, no more than one.
    now += ++calls % 4 === 0 ? 50 : 1;
    return true;
  };
  const alone = () => {
    now += 2;
  };
  for (let i = 0; i < 3000; i++) pace.run(KIND.forward, COST, share, alone);
  expect(calls).toBeGreaterThan(2800);
});

test("calls of another kernel or another cost learn for themselves", () => {
  const pace = new Pace();
  shareOf(pace, 5000, { shared: 2, alone: 1 });
  expect(shareOf(pace, 30, { shared: 1, alone: 2, cost: 4 * COST })).toBe(1);
  expect(shareOf(pace, 30, { shared: 1, alone: 2, kind: KIND.backward })).toBe(1);
  expect(shareOf(pace, 1000, { shared: 2, alone: 1 })).toBeLessThan(0.1);
});

test("costs that differ within a class are weighed", () => {
  const pace = new Pace();
  const random = seeded(1);
  const calls = (count: number) => {
    let shared = 0;
    for (let i = 0; i < count; i++) {
      const cost = Math.round(66_000 + 60_000 * random());
      shared += shareOf(pace, 1, { shared: (0.9 * cost) / 1e5, alone: cost / 1e5, cost });
    }
    return shared / count;
  };
  calls(1000);
  expect(calls(10_000)).toBeGreaterThan(0.95);
});

test("threads that must be woken after calls alone are not held to be slow", () => {
  const pace = new Pace();
  let areAwake = true;
  let shared = 0;
  const share = () => {
    now += areAwake ? 0.5 : 3;
    areAwake = true;
    shared++;
    return true;
  };
  const alone = () => {
    now += 1;
    areAwake = false;
  };
  for (let i = 0; i < 5000; i++) pace.run(KIND.forward, COST, share, alone);
  expect(shared).toBeGreaterThan(4800);
});

test("a call that cannot be shared runs alone", () => {
  const pace = new Pace();
  let runs = 0;
  for (let i = 0; i < 1000; i++) {
    pace.run(
      KIND.forward,
      COST,
      () => false,
      () => {
        runs++;
        now += 1;
      },
    );
  }
  expect(runs).toBe(1000);
});
