/** What a run finds out: the currency between the measuring and the showing modules. */
import type { NormChoice } from "./contenders.ts";
import type { Findings } from "./statistics.ts";
import type { Times } from "./timing.ts";
import type { Settings } from "./training.ts";

/** One of the six networks. */
export interface Result {
  name: "no norm" | NormChoice["name"];
  /** The training loss of each batch, in nats. They end where the loss is no longer a number. */
  losses: Float64Array;
  /** Share of the test digits that were recognised, 0 to 1. Missing if training failed. */
  accuracy?: number;
  /** Missing where there is no norm. */
  norm?: {
    choice: NormChoice;
    /** Of each hidden layer. */
    layers: Findings[];
    /** In the last hidden layer: the normalised rows before gain, bias and phi, in double precision; and the norm's output. */
    last: { z: Float64Array; y: Float32Array };
    times: Times;
  };
}

/** The whole run. */
export interface Run {
  settings: Settings;
  testDigits: number;
  results: Result[];
  machine: { cpu: string; node: string; simd: string; date: string };
}
