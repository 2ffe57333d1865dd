/**
 * BLEU (Papineni et al. 2002) as sacreBLEU computes it by default: texts as they are, with capitals, cut by mteval-v13a's
 * rules; n-grams up to 4, counted over the whole corpus; exponential smoothing, which is NIST's.
 */

const MOST = 4;

/** The rules of mteval-v13a for languages of the West: what each pattern matches is set apart. */
const RULES: readonly (readonly [RegExp, string])[] = [
  // Everything in ASCII but letters, digits, apostrophe, comma, hyphen and full stop.
  [/([{-~[-` -&(-+:-@/])/g, " $1 "],
  // Full stop and comma, but not between digits; the hyphen after a digit.
  [/([^0-9])([.,])/g, "$1 $2 "],
  [/([.,])([^0-9])/g, " $1 $2"],
  [/([0-9])(-)/g, "$1 $2 "],
];

const ENTITIES: readonly (readonly [string, string])[] = [
  ["<skipped>", ""],
  ["-\n", ""],
  ["\n", " "],
  ["&quot;", '"'],
  ["&amp;", "&"],
  ["&lt;", "<"],
  ["&gt;", ">"],
];

/** The words of a text, and its punctuation. */
export function tokenize(text: string): string[] {
  let line = text.trimEnd();
  for (const [entity, character] of ENTITIES) line = line.replaceAll(entity, character);
  line = ` ${line} `;
  for (const [pattern, apart] of RULES) line = line.replace(pattern, apart);
  return line.trim() === "" ? [] : line.trim().split(/\s+/);
}

/** How often each sequence of n words occurs. */
function ngrams(words: readonly string[], n: number): Map<string, number> {
  const counts = new Map<string, number>();
  for (let i = 0; i + n <= words.length; i++) {
    const ngram = words.slice(i, i + n).join(" ");
    counts.set(ngram, (counts.get(ngram) ?? 0) + 1);
  }
  return counts;
}

/** N-grams of a hypothesis, and how many of them are in a reference, by n - 1; and the lengths in words. */
interface Counts {
  right: number[];
  all: number[];
  length: number;
  referenceLength: number;
}

function countSentence(hypothesis: string, references: readonly string[]): Counts {
  const words = tokenize(hypothesis);
  const others = references.map(tokenize);
  const counts: Counts = { right: [], all: [], length: words.length, referenceLength: 0 };
  for (let n = 1; n <= MOST; n++) {
    const allowed = others.map((reference) => ngrams(reference, n));
    const found = [...ngrams(words, n)];
    // An n-gram is right as often as it is in the reference that has it most often.
    const right = found.map(([ngram, count]) =>
      Math.min(count, Math.max(...allowed.map((one) => one.get(ngram) ?? 0))),
    );
    counts.right.push(right.reduce((sum, count) => sum + count, 0));
    counts.all.push(found.reduce((sum, [, count]) => sum + count, 0));
  }
  // The reference of the nearest length; of equals the shorter.
  const lengths = others.map(({ length }) => length).sort((a, b) => a - b);
  const distance = (length: number) => Math.abs(length - words.length);
  counts.referenceLength = lengths.reduce((best, length) => (distance(length) < distance(best) ? length : best));
  return counts;
}

/**
 * @param references of each hypothesis, one or more.
 * @returns from 0 to 100.
 */
export function bleu(hypotheses: readonly string[], references: readonly (readonly string[])[]): number {
  const sentences = hypotheses.map((hypothesis, i) => countSentence(hypothesis, references[i] ?? []));
  const total = (of: (counts: Counts) => number | undefined) => sentences.reduce((sum, one) => sum + (of(one) ?? 0), 0);
  const [length, referenceLength] = [total((one) => one.length), total((one) => one.referenceLength)];
  const right = Array.from({ length: MOST }, (_, n) => total((one) => one.right[n]));
  if (right.every((count) => count === 0)) return 0;
  let smoothing = 1;
  let logarithms = 0;
  for (let n = 0; n < MOST; n++) {
    const all = total((one) => one.all[n]);
    // Nothing is as long as n words.
    if (all === 0) return 0;
    if (right[n] === 0) smoothing *= 2;
    logarithms += Math.log((right[n] || 1 / smoothing) / all);
  }
  const brevity = length < referenceLength ? Math.exp(1 - referenceLength / length) : 1;
  return 100 * brevity * Math.exp(logarithms / MOST);
}
