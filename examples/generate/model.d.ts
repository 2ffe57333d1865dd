import type { Kernels } from "adanorm";

export interface Shape {
  symbols: string;
  width: number;
  layers: number;
  heads: number;
  hidden: number;
  context: number;
  /** How long it was trained. */
  steps: number;
  /** The mean loss on pages that it was not trained on, in nats a character. */
  heldOut: number;
}

export interface Model {
  shape: Shape;
}

export function readModel(kernels: Kernels, bytes: Uint8Array): Model;

export class Session {
  constructor(model: Model, options?: { prepared?: boolean });
  readonly isFull: boolean;
  next(code: number): Float32Array;
  free(): void;
}

export function logitsOfAll(model: Model, codes: readonly number[]): Float32Array[];
