/**
 * Whether sharing pays on this machine, at this moment. A second processor may be busy, or be there in name alone: then a call that is
 * shared waits for a thread that does not run. So of the calls of each cost some are timed, shared and alone, and the others are
 * run as it was faster.
 */
import type { KIND } from "./control.js";
import { LIMITS } from "./limits.js";

/** A trial has calls that take so long together, in ms: ten times as long as the coarsest clock of browsers that have threads. */
const TRIAL_MS = 0.2;
/** The least and the most calls of a trial that are timed. */
const LEAST_CALLS = 3;
const MOST_CALLS = 64;
/** So many calls follow the trials for each call in them, and at most so many, the longer the same way has been the faster one. */
const FIRST_REST = 10;
const LAST_REST = 100;
/** A way that takes less than this share of the other's time is the faster one. */
const MARGIN = 0.97;

/** The timed calls of one way. */
class Trial {
  #ms = 0;
  /** Of the calls' times by their costs, the sum and the highest. */
  #sum = 0;
  #highest = 0;
  #calls = 0;

  get calls(): number {
    return this.#calls;
  }

  get isDone(): boolean {
    return this.#calls >= MOST_CALLS || (this.#calls >= LEAST_CALLS && this.#ms >= TRIAL_MS);
  }

  /** What a unit of cost takes, without the slowest call: it may have woken the threads, or something else held it up. */
  get mean(): number {
    return (this.#sum - this.#highest) / (this.#calls - 1);
  }

  add(ms: number, cost: number): void {
    this.#ms += ms;
    this.#sum += ms / cost;
    this.#highest = Math.max(this.#highest, ms / cost);
    this.#calls++;
  }
}

/** Calls of one kernel and about the same cost. */
class CostClass {
  /** Whether sharing was faster. */
  #isShared = true;
  /** The trials of the way that was slower and, after it, of the one that was faster. */
  #slower = new Trial();
  #faster = new Trial();
  /** Calls until the next trials. */
  #rest = FIRST_REST * LEAST_CALLS;
  #restPerCall = FIRST_REST;

  run(cost: number, share: () => boolean, alone: () => void): void {
    if (this.#rest > 0) {
      this.#rest--;
      if (!this.#isShared || !share()) alone();
      return;
    }
    const trial = this.#slower.isDone ? this.#faster : this.#slower;
    const toBeShared = this.#isShared === (trial === this.#faster);
    const start = performance.now();
    if (!toBeShared || !share()) alone();
    trial.add(performance.now() - start, cost);
    if (this.#faster.isDone) this.#decide();
  }

  #decide(): void {
    const isWrong = this.#slower.mean < MARGIN * this.#faster.mean;
    if (isWrong) this.#isShared = !this.#isShared;
    this.#restPerCall = isWrong ? FIRST_REST : Math.min(2 * this.#restPerCall, LAST_REST);
    this.#rest = this.#restPerCall * (this.#slower.calls + this.#faster.calls);
    this.#slower = new Trial();
    this.#faster = new Trial();
  }
}

export class Pace {
  /** By kernel and the logarithm of the cost. */
  readonly #classes: CostClass[] = [];

  /** Runs a call the faster way. `share` returns false, with nothing done, if the call cannot be shared. */
  run(kind: KIND, cost: number, share: () => boolean, alone: () => void): void {
    if (!LIMITS.learns) {
      if (!share()) alone();
      return;
    }
    const index = 32 * kind + 31 - Math.clz32(cost);
    this.#classes[index] ??= new CostClass();
    (this.#classes[index] as CostClass).run(cost, share, alone);
  }
}
