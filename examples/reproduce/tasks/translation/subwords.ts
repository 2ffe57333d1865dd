/**
 * Subwords by merging pairs (Sennrich, Haddow and Birch 2016): at first each letter is a symbol, then the most frequent pair of
 * neighbours becomes one symbol, again and again. Pairs do not cross the borders of words.
 */

/** Stands before each word in the place of the space. */
const BORDER = "▁";

/** Symbols that no text contains, in the order of their numbers. */
const SPECIAL = ["<unknown>", "<begin>", "<end>"] as const;
export const UNKNOWN = 0;
export const BEGIN = 1;
export const END = 2;

/** The symbols of a word before any merge. Code points, so that no letter is cut in two. */
const letters = (word: string) => [...`${BORDER}${word}`];

const wordsOf = (text: string) => text.split(" ");

/** Neighbours are joined by a character that is in no text. */
const pairOf = (left: string, right: string) => `${left}\n${right}`;

interface Entry {
  symbols: string[];
  count: number;
}

/** Joins a pair wherever it is, from the left. */
function merge(symbols: readonly string[], pair: string): string[] {
  const merged: string[] = [];
  for (let i = 0; i < symbols.length; i++) {
    const [symbol, next] = [symbols[i] as string, symbols[i + 1]];
    if (next !== undefined && pairOf(symbol, next) === pair) {
      merged.push(symbol + next);
      i++;
    } else merged.push(symbol);
  }
  return merged;
}

/** Counts of the pairs, and the words that contain each: a merge concerns few of them. */
class Pairs {
  readonly #counts = new Map<string, number>();
  readonly #words = new Map<string, Set<Entry>>();

  /** @param sign 1 adds the pairs of a word, -1 takes them away. */
  count(word: Entry, sign: 1 | -1): void {
    for (let i = 0; i + 1 < word.symbols.length; i++) {
      const pair = pairOf(word.symbols[i] as string, word.symbols[i + 1] as string);
      this.#counts.set(pair, (this.#counts.get(pair) ?? 0) + sign * word.count);
      const words = this.#words.get(pair) ?? new Set();
      // A word that has lost the pair may stay: to merge it again changes nothing.
      words.add(word);
      this.#words.set(pair, words);
    }
  }

  /** The most frequent pair; of equals the first in the order of their symbols. */
  best(): string | undefined {
    let best: string | undefined;
    let most = 1;
    for (const [pair, count] of this.#counts) {
      if (count < most || (count === most && (best === undefined || pair > best))) continue;
      best = pair;
      most = count;
    }
    return best;
  }

  wordsWith(pair: string): Set<Entry> {
    return this.#words.get(pair) ?? new Set();
  }
}

export class Subwords {
  /** The symbols by their numbers. */
  readonly symbols: readonly string[];
  readonly #numbers: Map<string, number>;
  /** The rank of each pair that is merged. */
  readonly #ranks = new Map<string, number>();
  readonly #known = new Map<string, number[]>();

  /** @param merges at most; there are fewer if no pair is left that occurs twice. */
  constructor(texts: readonly string[], merges: number) {
    const counts = new Map<string, number>();
    for (const word of texts.flatMap(wordsOf)) counts.set(word, (counts.get(word) ?? 0) + 1);
    const words: Entry[] = [...counts].map(([word, count]) => ({ symbols: letters(word), count }));
    const symbols = new Set<string>(words.flatMap((word) => word.symbols).sort());
    const pairs = new Pairs();
    for (const word of words) pairs.count(word, 1);
    while (this.#ranks.size < merges) {
      const pair = pairs.best();
      if (pair === undefined) break;
      this.#ranks.set(pair, this.#ranks.size);
      symbols.add(pair.replace("\n", ""));
      for (const word of pairs.wordsWith(pair)) {
        pairs.count(word, -1);
        word.symbols = merge(word.symbols, pair);
        pairs.count(word, 1);
      }
    }
    this.symbols = [...SPECIAL, ...symbols];
    this.#numbers = new Map(this.symbols.map((symbol, number) => [symbol, number]));
  }

  #encodeWord(word: string): number[] {
    let symbols = letters(word);
    for (;;) {
      let first: string | undefined;
      for (let i = 0; i + 1 < symbols.length; i++) {
        const pair = pairOf(symbols[i] as string, symbols[i + 1] as string);
        const rank = this.#ranks.get(pair) ?? Number.POSITIVE_INFINITY;
        if (rank < (this.#ranks.get(first ?? "") ?? Number.POSITIVE_INFINITY)) first = pair;
      }
      if (first === undefined) return symbols.map((symbol) => this.#numbers.get(symbol) ?? UNKNOWN);
      symbols = merge(symbols, first);
    }
  }

  encode(text: string): number[] {
    return wordsOf(text).flatMap((word) => {
      const known = this.#known.get(word) ?? this.#encodeWord(word);
      this.#known.set(word, known);
      return known;
    });
  }

  /** The text again, without the special symbols. */
  decode(numbers: readonly number[]): string {
    const symbols = numbers.filter((number) => number >= SPECIAL.length).map((number) => this.symbols[number]);
    return symbols.join("").replaceAll(BORDER, " ").trim();
  }
}
