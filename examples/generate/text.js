/** From logits to text: characters are drawn at random, with chances that the seed and the temperature decide. */
import { Session } from "./model.js";

/** A stream of numbers in [0, 1), the same for the same seed (mulberry32). */
function seeded(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Draws a symbol. A low temperature prefers the likely ones; at 0 it is the likeliest. */
function draw(logits, temperature, random) {
  const most = logits.reduce((a, b) => Math.max(a, b));
  if (temperature === 0) return logits.indexOf(most);
  const chances = Array.from(logits, (logit) => Math.exp((logit - most) / temperature));
  let left = random() * chances.reduce((a, b) => a + b);
  return Math.max(
    0,
    chances.findIndex((chance) => {
      left -= chance;
      return left < 0;
    }),
  );
}

/** The numbers of the characters of a text. Those that the model does not know become spaces. */
export function encode({ shape: { symbols } }, text) {
  const space = symbols.indexOf(" ");
  return Array.from(text, (symbol) => (symbols.includes(symbol) ? symbols.indexOf(symbol) : space));
}

/** A session that has read some characters, and the logits of the next one. */
function read(model, codes, options) {
  const session = new Session(model, options);
  let logits;
  for (const code of codes) logits = session.next(code);
  return { session, logits };
}

/** Yields `length` characters that follow the prompt. */
export function* generate(model, { prompt = "\n", length, seed = 1, temperature = 0.6, prepared = true }) {
  const { symbols, context } = model.shape;
  const random = seeded(seed);
  const codes = encode(model, prompt || "\n");
  let { session, logits } = read(model, codes.slice(-context / 2), { prepared });
  try {
    for (let i = 0; i < length; i++) {
      const code = draw(logits, temperature, random);
      yield symbols[code];
      codes.push(code);
      if (session.isFull) {
        // Places go no further than in training: half of the text is read again, from the first place on.
        session.free();
        ({ session, logits } = read(model, codes.slice(-context / 2), { prepared }));
      } else logits = session.next(code);
    }
  } finally {
    session.free();
  }
}
