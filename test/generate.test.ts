/** The language model of examples/generate: its shortcuts change nothing, and a seed gives one text. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { loadSync } from "adanorm";
import { describe, expect, it } from "vitest";
import { logitsOfAll, readModel, Session } from "../examples/generate/model.js";
import { encode, generate } from "../examples/generate/text.js";

const read = (file: string) => readFileSync(new URL(`../examples/generate/${file}`, import.meta.url));

const bytes = read("weights.bin");
const kernels = loadSync();
const model = readModel(kernels, bytes);
const codes = encode(model, "It was a clear steel-blue day. The firmaments of air and sea were hardly separable");

/** The logits after each character, step by step. */
function stepByStep(prepared: boolean): Float32Array[] {
  const session = new Session(model, { prepared });
  const logits = codes.map((code) => session.next(code));
  session.free();
  return logits;
}

it("the weights are those whose checksum is beside them", () => {
  const sum = createHash("sha256").update(bytes).digest("hex");
  expect(read("weights.sha256").toString()).toBe(`${sum}  weights.bin\n`);
});

describe("the logits after each character", () => {
  it("are the same with keys and values kept as with all rows at a time", () => {
    expect(stepByStep(true)).toEqual(logitsOfAll(model, codes));
  });

  it("are the same from prepared calls as from ordinary ones", () => {
    expect(stepByStep(true)).toEqual(stepByStep(false));
  });

  it("tell the book from noise: the model has learnt something", () => {
    const nats = stepByStep(true)
      .slice(0, -1)
      .map((logits, i) => {
        const total = logits.reduce((sum, logit) => sum + Math.exp(logit), 0);
        return Math.log(total) - (logits[codes[i + 1] as number] as number);
      });
    const mean = nats.reduce((sum, value) => sum + value, 0) / nats.length;
    expect(mean).toBeLessThan(0.7 * Math.log(model.shape.symbols.length));
  });
});

describe("a text", () => {
  // Longer than the places that the model knows, so that it begins again.
  const length = 150;
  const textOf = (options: object) => [...generate(model, { prompt: "Call me", length, ...options })].join("");

  it("is the same for the same seed, whether calls are prepared or not", () => {
    const text = textOf({ seed: 7 });
    expect(text.length).toBe(length);
    expect(textOf({ seed: 7 })).toBe(text);
    expect(textOf({ seed: 7, prepared: false })).toBe(text);
  });

  it("is another one for another seed, or at another temperature", () => {
    expect(textOf({ seed: 8 })).not.toBe(textOf({ seed: 7 }));
    expect(textOf({ seed: 7, temperature: 0 })).not.toBe(textOf({ seed: 7 }));
  });

  it("leaves no memory behind, even if it is not read to its end", () => {
    const before = kernels.memory.used;
    textOf({ seed: 1 });
    const some = generate(model, { length, seed: 1 });
    some.next();
    expect(kernels.memory.used).toBeGreaterThan(before);
    some.return();
    expect(kernels.memory.used).toBe(before);
  });
});

it("a session says when it is full", () => {
  const session = new Session(model);
  for (let i = 0; i < model.shape.context; i++) session.next(0);
  expect(session.isFull).toBe(true);
  expect(() => session.next(0)).toThrow(RangeError);
  session.free();
});
