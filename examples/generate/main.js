/**
 * Generates text in the manner of Moby Dick, and says how long a character takes.
 *
 *   npm run example:generate -- --prompt "Call me" --length 600 --seed 1 --temperature 0.6
 */
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { load } from "adanorm";
import { readModel } from "./model.js";
import { generate } from "./text.js";

const { values } = parseArgs({
  options: {
    prompt: { type: "string", default: "Call me Ishmael." },
    length: { type: "string", default: "600" },
    seed: { type: "string", default: "1" },
    temperature: { type: "string", default: "0.6" },
  },
});
const { prompt } = values;
const [length, seed, temperature] = [values.length, values.seed, values.temperature].map(Number);

const model = readModel(await load(), readFileSync(new URL("weights.bin", import.meta.url)));
process.stdout.write(prompt);
const start = performance.now();
for (const symbol of generate(model, { prompt, length, seed, temperature })) process.stdout.write(symbol);
const each = (performance.now() - start) / length;
console.log(`\n\n${length} characters, ${each.toFixed(2)} ms each; seed ${seed}, temperature ${temperature}`);
