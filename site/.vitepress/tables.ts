/** Tables of Markdown, for screen readers and for the policy of the pages. */
import type { MarkdownOptions } from "vitepress";

type MarkdownIt = Parameters<NonNullable<MarkdownOptions["config"]>>[0];

/** A column without a name has no heading: screen readers would announce one that says nothing. */
export function nameColumns(md: MarkdownIt): void {
  md.core.ruler.push("name_columns", ({ tokens }) => {
    tokens.forEach((token, i) => {
      const closing = tokens[i + 2];
      if (token.type !== "th_open" || tokens[i + 1]?.content !== "" || !closing) return;
      token.tag = "td";
      closing.tag = "td";
    });
  });
}

/** Columns of figures, which markdown-it aligns by a style. The policy refuses styles of elements. */
export function alignByClass(md: MarkdownIt): void {
  md.core.ruler.push("align_by_class", ({ tokens }) => {
    for (const token of tokens) {
      const align = /^text-align:\s*(\w+)$/.exec(String(token.attrGet("style") ?? ""));
      if (!align) continue;
      token.attrs = (token.attrs ?? []).filter(([name]) => name !== "style");
      token.attrJoin("class", `align-${align[1]}`);
    }
  });
}
