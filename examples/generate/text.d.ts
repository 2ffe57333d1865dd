import type { Model } from "./model.js";

export function encode(model: Model, text: string): number[];

export interface TextOptions {
  prompt?: string;
  length: number;
  seed?: number;
  temperature?: number;
  prepared?: boolean;
}

export function generate(model: Model, options: TextOptions): Generator<string, void>;
