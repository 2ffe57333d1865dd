/** What the page of the generator and its worker tell each other. */
import type { Shape } from "../../../examples/generate/model.js";

export interface WritingSettings {
  prompt: string;
  /** Characters. */
  length: number;
  seed: number;
  temperature: number;
  /** Whether the norms are prepared calls. */
  prepared: boolean;
}

export interface Pace {
  /** The most characters a second; 0: as many as there can be. */
  perSecond: number;
  /** How often the page hears of them. */
  frameMilliseconds: number;
}

export type WritingRequest =
  | { kind: "write"; run: number; settings: WritingSettings; pace: Pace; weightsUrl: string }
  | { kind: "stop" };

export type WritingAnswer =
  /** What was written since the last answer. `milliseconds`: a character's, of computing alone. */
  | {
      kind: "text";
      run: number;
      text: string;
      milliseconds: number;
      shape: Shape;
      state: "writing" | "stopped" | "done";
    }
  | { kind: "error"; message: string };
