/**
 * Subwords by merging pairs (Sennrich, Haddow and Birch 2016): at first each letter is a symbol, then the most frequent pair of
 * neighbours becomes one symbol, again and again. Pairs do not cross the borders of pieces: words, and endings behind an
 * apostrophe, which Turkish puts between a name and its case. So each name is one symbol, whatever its case.
 */

/** Stands before each word in the place of the space. */
const BORDER = "▁";

/** Symbols that no text contains, in the order of their numbers. */
const SPECIAL = ["<unknown>", "<begin>", "<end>"] as const;
export const UNKNOWN = 0;
export const BEGIN = 1;
export const END = 2;

const piecesOf = (text: string) => text.split(" ").flatMap((word) => `${BORDER}${word}`.split(/(?=')/));

/** The symbols of a piece before any merge. Code points, so that no letter is cut in two. */
const letters = (piece: string) => [...piece];

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

/** Counts of the pairs, and the pieces that contain each: a merge concerns few of them. */
class Pairs {
  readonly #counts = new Map<string, number>();
  readonly #pieces = new Map<string, Set<Entry>>();

  /** @param sign 1 adds the pairs of a piece, -1 takes them away. */
  count(piece: Entry, sign: 1 | -1): void {
    for (let i = 0; i + 1 < piece.symbols.length; i++) {
      const pair = pairOf(piece.symbols[i] as string, piece.symbols[i + 1] as string);
      this.#counts.set(pair, (this.#counts.get(pair) ?? 0) + sign * piece.count);
      const pieces = this.#pieces.get(pair) ?? new Set();
      // A piece that has lost the pair may stay: to merge it again changes nothing.
      pieces.add(piece);
      this.#pieces.set(pair, pieces);
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

  piecesWith(pair: string): Set<Entry> {
    return this.#pieces.get(pair) ?? new Set();
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
    for (const piece of texts.flatMap(piecesOf)) counts.set(piece, (counts.get(piece) ?? 0) + 1);
    const pieces: Entry[] = [...counts].map(([piece, count]) => ({ symbols: letters(piece), count }));
    const symbols = new Set<string>(pieces.flatMap((piece) => piece.symbols).sort());
    const pairs = new Pairs();
    for (const piece of pieces) pairs.count(piece, 1);
    while (this.#ranks.size < merges) {
      const pair = pairs.best();
      if (pair === undefined) break;
      this.#ranks.set(pair, this.#ranks.size);
      symbols.add(pair.replace("\n", ""));
      for (const piece of pairs.piecesWith(pair)) {
        pairs.count(piece, -1);
        piece.symbols = merge(piece.symbols, pair);
        pairs.count(piece, 1);
      }
    }
    this.symbols = [...SPECIAL, ...symbols];
    this.#numbers = new Map(this.symbols.map((symbol, number) => [symbol, number]));
  }

  #encodePiece(piece: string): number[] {
    let symbols = letters(piece);
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
    return piecesOf(text).flatMap((piece) => {
      const known = this.#known.get(piece) ?? this.#encodePiece(piece);
      this.#known.set(piece, known);
      return known;
    });
  }

  /** The text again, without the special symbols. */
  decode(numbers: readonly number[]): string {
    const symbols = numbers.filter((number) => number >= SPECIAL.length).map((number) => this.symbols[number]);
    return symbols.join("").replaceAll(BORDER, " ").trim();
  }
}
