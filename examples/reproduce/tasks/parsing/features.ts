/**
 * What the parser sees of a state: the 48 positions of Chen and Manning (2014), 18 words with their tags, and the relations
 * of the 12 of them that have a head already.
 */
import type { Word } from "../treebanks.ts";
import { NONE, type State } from "./state.ts";

/** Words on the stack and before it; and those that they govern. */
const OUTER = 6;
const INNER = 12;

/** Positions of words, of tags, and of relations. */
export const POSITIONS = { words: OUTER + INNER, tags: OUTER + INNER, relations: INNER } as const;
export const ALL_POSITIONS = POSITIONS.words + POSITIONS.tags + POSITIONS.relations;

/** Codes that words and tags share: nothing is at the position; the root is. */
const NOTHING = 0;
const ROOT = 1;
/** The code of a word that is too rare to have its own. */
const RARE = 2;

/** Occurrences in the training text from which on a word has a code of its own. */
const FEWEST = 2;

/** The words, tags and relations of the training text, as numbers. */
export class Codes {
  readonly words: Map<string, number>;
  readonly tags: Map<string, number>;
  readonly relations: Map<string, number>;

  constructor(sentences: readonly (readonly Word[])[]) {
    const counts = new Map<string, number>();
    const tags = new Set<string>();
    const relations = new Set<string>();
    for (const { form, tag, relation } of sentences.flat()) {
      const word = form.toLowerCase();
      counts.set(word, (counts.get(word) ?? 0) + 1);
      tags.add(tag);
      relations.add(relation);
    }
    const frequent = [...counts].filter(([, count]) => count >= FEWEST).map(([word]) => word);
    const numbered = (names: Iterable<string>, first: number) =>
      new Map([...names].sort().map((name, i) => [name, first + i]));
    this.words = numbered(frequent, RARE + 1);
    this.tags = numbered(tags, RARE + 1);
    this.relations = numbered(relations, 0);
  }

  /** How many codes there are for words, tags and relations. */
  get sizes(): { words: number; tags: number; relations: number } {
    const [words, tags] = [this.words.size + RARE + 1, this.tags.size + RARE + 1];
    return { words, tags, relations: this.relations.size + 1 };
  }

  relationName(relation: number): string {
    return [...this.relations.keys()][relation] as string;
  }

  /** The codes of words and tags by the number of the word; the root comes first. */
  encode(sentence: readonly Word[]): { words: number[]; tags: number[] } {
    return {
      words: [ROOT, ...sentence.map(({ form }) => this.words.get(form.toLowerCase()) ?? RARE)],
      tags: [ROOT, ...sentence.map(({ tag }) => this.tags.get(tag) ?? RARE)],
    };
  }
}

/** The numbers of the words at the 18 positions. */
function positions({ stack, next, length, lefts, rights }: State): number[] {
  const top = stack.length - 1;
  const onStack = [top, top - 1, top - 2].map((i) => stack[i] ?? NONE);
  const ahead = [next, next + 1, next + 2].map((word) => (word <= length ? word : NONE));
  /** The outermost, or the one inside it. */
  const governed = (sides: number[][], word: number, inside = 0) => sides[word]?.at(-1 - inside) ?? NONE;
  const inner = onStack.slice(0, 2).flatMap((word) => {
    const [left, right] = [governed(lefts, word), governed(rights, word)];
    const second = [governed(lefts, word, 1), governed(rights, word, 1)];
    return [left, right, ...second, governed(lefts, left), governed(rights, right)];
  });
  return [...onStack, ...ahead, ...inner];
}

/** Writes the codes at all positions of a state: words, tags, relations. */
export function writeFeatures(state: State, codes: { words: number[]; tags: number[] }, out: Uint16Array): void {
  positions(state).forEach((word, i) => {
    out[i] = word === NONE ? NOTHING : (codes.words[word] as number);
    out[POSITIONS.words + i] = word === NONE ? NOTHING : (codes.tags[word] as number);
    // Relations are numbered from 0, their codes from 1.
    if (i >= OUTER) {
      out[2 * POSITIONS.words + i - OUTER] = word === NONE ? NOTHING : (state.relations[word] as number) + 1;
    }
  });
}
