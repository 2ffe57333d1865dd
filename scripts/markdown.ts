/** Parts of Markdown files that programs write: what stands between `<!-- name:begin -->` and `<!-- name:end -->`. */

/** The document with such a part replaced. */
export function replacePart(document: string, name: string, text: string): string {
  const [begin, end] = [`<!-- ${name}:begin -->`, `<!-- ${name}:end -->`];
  const from = document.indexOf(begin);
  const to = document.indexOf(end, from);
  if (from < 0 || to < 0) throw new Error(`expected the markers ${begin} and, after it, ${end}`);
  return `${document.slice(0, from + begin.length)}\n\n${text}\n\n${document.slice(to)}`;
}

/** A table, as Markdown has it. `right` marks the columns of figures. */
export function markdownTable(head: string[], lines: string[][], right: (column: number) => boolean): string {
  const row = (cells: string[]) => `| ${cells.join(" | ")} |`;
  return [row(head), row(head.map((_, column) => (right(column) ? "---:" : "---"))), ...lines.map(row)].join("\n");
}
