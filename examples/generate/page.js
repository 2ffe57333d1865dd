/** The page: text appears as it is generated, some characters a frame, so that the page stays responsive. */
import { load } from "adanorm";
import { readModel } from "./model.js";
import { generate } from "./text.js";

const LENGTH = 600;
const FRAME_MS = 12;

const form = document.querySelector("form");
const output = document.querySelector("pre");
const status = document.querySelector("[role=status]");

const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));

/** Counts the texts that were asked for: a new one ends the one before. */
let asked = 0;

async function write(model) {
  const mine = ++asked;
  const { prompt, seed, temperature } = Object.fromEntries(new FormData(form));
  output.textContent = prompt;
  status.textContent = "Writing.";
  const symbols = generate(model, { prompt, length: LENGTH, seed: Number(seed), temperature: Number(temperature) });
  let spent = 0;
  for (let done = false; !done; ) {
    const start = performance.now();
    let some = "";
    while (performance.now() - start < FRAME_MS && !done) {
      const step = symbols.next();
      done = step.done;
      some += step.value ?? "";
    }
    spent += performance.now() - start;
    output.append(some);
    await frame();
    if (mine !== asked) {
      symbols.return();
      return;
    }
  }
  status.textContent = `${LENGTH} characters, ${(spent / LENGTH).toFixed(2)} ms each.`;
}

try {
  const [kernels, response] = await Promise.all([load(), fetch("weights.bin")]);
  if (!response.ok) throw new Error(`weights.bin: ${response.status}`);
  const model = readModel(kernels, new Uint8Array(await response.arrayBuffer()));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    write(model);
  });
  await write(model);
} catch (error) {
  status.textContent = `It does not run here: ${error.message}`;
}
