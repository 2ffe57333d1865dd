/**
 * The content security policy of the built pages. Static hosts send no header for it, so it stands in each page.
 *
 * Scripts are those of the site, and the two short ones that VitePress writes into pages, by their hash. Styles are files,
 * so everything in a page that has a style of its own gets a class instead.
 */
import { createHash } from "node:crypto";
import type { MarkdownOptions } from "vitepress";

type CodeTransformer = NonNullable<MarkdownOptions["codeTransformers"]>[number];

const hash = (text: string) => createHash("sha256").update(text).digest("base64");

/**
 * The page with the policy in its head.
 *
 * Vue writes the few styles of VitePress's own parts into the page, where the policy refuses them. Scripts set those that
 * change. The one that does not, `position: relative` of the text, is in theme/style.css.
 */
export function withPolicy(page: string): string {
  const html = page.replace(/ style="(position:relative;|--vp-vh:0px;)"/g, "");
  const inline = [...html.matchAll(/<script(?![^>]*\ssrc=)[^>]*>([\s\S]*?)<\/script>/g)];
  const hashes = new Set(inline.map(([, text]) => `'sha256-${hash(text as string)}'`));
  const policy = [
    "default-src 'none'",
    `script-src 'self' 'wasm-unsafe-eval' ${[...hashes].join(" ")}`.trim(),
    "style-src 'self'",
    "img-src 'self' data:",
    "font-src 'self'",
    "connect-src 'self'",
    "worker-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
  ].join("; ");
  return html.replace("<head>", `<head>\n    <meta http-equiv="Content-Security-Policy" content="${policy}">`);
}

/** The colours of code, which Shiki gives to each word as a style. */
export class CodeClasses {
  readonly #names = new Map<string, string>();

  readonly transformer: CodeTransformer = {
    name: "code-classes",
    postprocess: (html) =>
      html.replace(/<(span|pre)([^>]*?) style="([^"]*)"([^>]*)>/g, (_, tag, before, style, after) => {
        const attributes = `${before}${after}`;
        const name = this.#nameOf(style);
        return attributes.includes('class="')
          ? `<${tag}${attributes.replace('class="', `class="${name} `)}>`
          : `<${tag} class="${name}"${attributes}>`;
      }),
  };

  #nameOf(style: string): string {
    const known = this.#names.get(style);
    if (known) return known;
    const name = `code-${hash(style).replace(/\W/g, "").slice(0, 8)}`;
    this.#names.set(style, name);
    return name;
  }

  /** The style sheet of all code so far. */
  css(): string {
    return [...this.#names].map(([style, name]) => `.${name}{${style}}`).join("\n");
  }
}
