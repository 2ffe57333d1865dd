/** Attachment scores as the CoNLL 2018 shared task counts them: every word counts, punctuation too, and subtypes do not. */
import type { Word } from "../treebanks.ts";

type Arc = Pick<Word, "head" | "relation">;

export interface Attachment {
  /** The share of the words whose head is right. */
  unlabelled: number;
  /** The share of those whose relation is right too. */
  labelled: number;
}

/** @param found the arcs of the same words. */
export function attachment(right: readonly (readonly Arc[])[], found: readonly (readonly Arc[])[]): Attachment {
  const [words, arcs] = [right.flat(), found.flat()];
  if (right.length !== found.length || words.length !== arcs.length) {
    throw new Error(`attachment: expected arcs for ${words.length} words, got ${arcs.length}`);
  }
  let heads = 0;
  let both = 0;
  words.forEach(({ head, relation }, i) => {
    if (arcs[i]?.head !== head) return;
    heads++;
    if (arcs[i]?.relation === relation) both++;
  });
  return { unlabelled: heads / words.length, labelled: both / words.length };
}
