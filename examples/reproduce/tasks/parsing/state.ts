/**
 * The states of an arc-standard parser (Nivre 2004): a stack, which holds the root at first, and the words that follow.
 *
 * | transition | what it does | when it is possible |
 * |---|---|---|
 * | shift | moves the next word to the stack | there is a next word |
 * | left | the top of the stack governs the word below it, which leaves the stack | two words on the stack |
 * | right | the one below governs the top of the stack, which leaves the stack | two words, or the root and the last word |
 *
 * A sentence of n words takes 2 n transitions. The root governs one word only, as Universal Dependencies demand.
 */
import type { Word } from "../treebanks.ts";

export const SHIFT = 0;

/** A transition as a number: shift, then left and right of each relation. */
export const leftOf = (relation: number) => 1 + 2 * relation;
export const rightOf = (relation: number) => 2 + 2 * relation;
const relationOf = (transition: number) => (transition - 1) >> 1;
const isLeft = (transition: number) => transition % 2 === 1;

/** The head or relation of a word that has none yet. */
export const NONE = -1;

const ROOT = 0;

export class State {
  /** Words by their numbers, from 1; 0 is the root. */
  readonly stack: number[] = [ROOT];
  /** The first word that is not on the stack yet. */
  next = 1;
  /** By the number of the word. */
  readonly heads: Int32Array;
  readonly relations: Int32Array;
  /** The words that each word governs, on its left and on its right; the outermost comes last. */
  readonly lefts: number[][];
  readonly rights: number[][];

  /** @param length words of the sentence. */
  constructor(readonly length: number) {
    this.heads = new Int32Array(length + 1).fill(NONE);
    this.relations = new Int32Array(length + 1).fill(NONE);
    this.lefts = Array.from({ length: length + 1 }, () => []);
    this.rights = Array.from({ length: length + 1 }, () => []);
  }

  get finished(): boolean {
    return this.stack.length === 1 && this.next > this.length;
  }

  allows(transition: number): boolean {
    const { stack, next, length } = this;
    if (transition === SHIFT) return next <= length;
    if (isLeft(transition)) return stack.length > 2;
    return stack.length > 2 || (stack.length === 2 && next > length);
  }

  apply(transition: number): void {
    const { stack } = this;
    if (transition === SHIFT) {
      stack.push(this.next++);
      return;
    }
    const top = stack.pop() as number;
    const below = stack.pop() as number;
    const [head, dependent] = isLeft(transition) ? [top, below] : [below, top];
    stack.push(head);
    this.heads[dependent] = head;
    this.relations[dependent] = relationOf(transition);
    (isLeft(transition) ? this.lefts : this.rights)[head]?.push(dependent);
  }
}

/**
 * The transitions that lead to the tree of a sentence. There are none if the tree is not projective, that is, if arcs cross.
 *
 * @param relations the number of each word's relation.
 */
export function oracle(words: readonly Word[], relations: readonly number[]): number[] | undefined {
  const head = (word: number) => words[word - 1]?.head ?? NONE;
  const relation = (word: number) => relations[word - 1] as number;
  const missing = new Int32Array(words.length + 1);
  for (const word of words) missing[word.head] = (missing[word.head] as number) + 1;
  const state = new State(words.length);
  const transitions: number[] = [];
  while (!state.finished) {
    const [below = NONE, top = NONE] = state.stack.slice(-2);
    let transition = SHIFT;
    if (below > ROOT && head(below) === top) transition = leftOf(relation(below));
    // A word leaves the stack when it has all that it governs.
    else if (below !== NONE && head(top) === below && missing[top] === 0) transition = rightOf(relation(top));
    if (!state.allows(transition)) return undefined;
    const dependent = isLeft(transition) ? below : top;
    if (transition !== SHIFT) missing[head(dependent)] = (missing[head(dependent)] as number) - 1;
    state.apply(transition);
    transitions.push(transition);
  }
  return transitions;
}
