/** What the page and its worker tell each other. */
import type { Held } from "../../examples/digits/contenders.ts";
import type { LookResult, LookSettings } from "./look/look.ts";
import type { MeasureResult, MeasureSettings } from "./measure/measure.ts";
import type { TrainingFrame, TrainingSettings } from "./training/session.ts";

export type Request =
  /** Begins a training from its first step, and goes on to a step without showing what is between. Then it rests. */
  | { kind: "train"; run: number; settings: TrainingSettings; until: number; digitsUrl: string }
  /** Goes on, and shows it every so many milliseconds. */
  | { kind: "go"; frameMilliseconds: number }
  | { kind: "pause" }
  | { kind: "step" }
  | { kind: "hold"; held: Required<Held> }
  | { kind: "look"; settings: LookSettings }
  | { kind: "measure"; run: number; settings: MeasureSettings }
  /** Ends the measurement, if there is one. */
  | { kind: "stop" };

export type Answer =
  /** `run` is that of the request, so that what belongs to an earlier training is not shown. */
  | { kind: "frame"; run: number; frame: TrainingFrame; state: "catching up" | "running" | "resting" | "over" }
  /** All throws of switches so far. */
  | { kind: "held"; run: number; held: TrainingSettings["held"] }
  | { kind: "look"; result: LookResult }
  | { kind: "measure"; run: number; result: MeasureResult; done: boolean }
  | { kind: "error"; message: string };
