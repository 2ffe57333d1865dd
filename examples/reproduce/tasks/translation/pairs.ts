/** The sentences of ATIS (requests for information on flights) in English and in Turkish. */
import { type Part, readTreebank } from "../treebanks.ts";

export interface Pair {
  english: string;
  turkish: string;
}

/** Spaces are the borders of words: one each. */
const tidy = (text: string) => text.trim().replace(/\s+/g, " ");

/** @throws Error if the two languages do not have the same sentences. */
export function readPairs(part: Part): Pair[] {
  const [english, turkish] = [readTreebank("en_atis", part), readTreebank("tr_atis", part)];
  const translations = new Map(turkish.map(({ id, text }) => [id, text]));
  if (translations.size !== english.length) throw new Error(`ATIS, ${part}: the languages have different sentences`);
  return english.map(({ id, text }) => {
    const translation = translations.get(id);
    if (translation === undefined) throw new Error(`ATIS, ${part}: sentence ${id} has no translation`);
    return { english: tidy(text), turkish: tidy(translation) };
  });
}
