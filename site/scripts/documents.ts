/**
 * Writes the documents of the repository as pages of the site: README.md, docs/ and what lies beside them. The text stays as
 * it is. Links between documents become links between pages. Links to other files lead to the repository, if package.json
 * names it, and are plain text otherwise.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join, posix } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
const site = fileURLToPath(new URL("..", import.meta.url));

/** Where a document stands in the repository, and its page in site/. */
export type Documents = ReadonlyMap<string, string>;

/** All documents that become pages. */
export function documentsOf(folder: string): Documents {
  const documents = new Map<string, string>();
  for (const name of ["README", "CHANGELOG", "CONTRIBUTING"]) {
    documents.set(`${name}.md`, `docs/${name.toLowerCase()}.md`);
  }
  for (const file of readdirSync(join(folder, "docs"))) {
    if (file.endsWith(".md")) documents.set(`docs/${file}`, `docs/${file}`);
  }
  for (const entry of readdirSync(join(folder, "examples"), { withFileTypes: true })) {
    if (!entry.isDirectory()) continue;
    const readme = `examples/${entry.name}/README.md`;
    if (readdirSync(join(folder, "examples", entry.name)).includes("README.md")) {
      documents.set(readme, `docs/examples/${entry.name}.md`);
    }
  }
  return documents;
}

/** The address of the repository's files in package.json, without a slash at the end; undefined if there is none. */
export function repositoryOf(manifest: { repository?: string | { url?: string } }): string | undefined {
  const { repository } = manifest;
  const url = typeof repository === "string" ? repository : repository?.url;
  return url
    ?.replace(/^git\+/, "")
    .replace(/^github:/, "https://github.com/")
    .replace(/(\.git)?\/?$/, "");
}

/** What a link of a document leads to: a page, another file of the repository, or something outside of it. */
function targetOf(link: string, document: string, repository: string | undefined): string | undefined {
  if (repository && link.startsWith(`${repository}/`)) {
    // README has absolute links, because npm shows it without the other files.
    return link.slice(repository.length + 1).replace(/^(blob|tree|raw)\/[^/]+\//, "");
  }
  if (/^([a-z]+:|#)/i.test(link)) return undefined;
  return posix.join(posix.dirname(document), link);
}

/** Blocks of code, links and pictures, spans of code, and the pictures of HTML. Code stays as it is. */
const PARTS = /^```.*?^```$|(!?)\[((?:`[^`\n]*`|[^[\]`])*)\]\(([^()\s]+)\)|`[^`\n]*`|\b(src|srcset)="([^"]+)"/gms;

/**
 * The text of the page of a document.
 *
 * @param document its path from the root.
 */
export function pageOf(text: string, document: string, documents: Documents, repository: string | undefined): string {
  const page = documents.get(document) as string;
  const fromPage = (path: string) => {
    const relative = posix.relative(posix.dirname(page), path);
    return relative.startsWith(".") ? relative : `./${relative}`;
  };
  const mend = (link: string): string | undefined => {
    const [path = "", hash] = link.split("#");
    // A place in the same page.
    if (path === "") return link;
    const target = targetOf(path, document, repository);
    if (target === undefined) return link;
    const linked = documents.get(target);
    if (linked) return fromPage(linked) + (hash ? `#${hash}` : "");
    return repository && `${repository}/blob/main/${target}`;
  };
  /** Pictures are in the repository, beside its documents. site/ is one folder deeper. */
  const mendPicture = (link: string): string => {
    const target = targetOf(link, document, repository);
    return target === undefined ? link : fromPage(`../${target}`);
  };
  return text.replace(PARTS, (whole, picture, words, link, attribute, source) => {
    if (attribute) return `${attribute}="${mendPicture(source)}"`;
    if (link === undefined) return whole;
    if (picture) return `![${words}](${mendPicture(link)})`;
    const address = mend(link);
    return address === undefined ? words : `[${words}](${address})`;
  });
}

export function writeDocuments(): void {
  const documents = documentsOf(root);
  const repository = repositoryOf(JSON.parse(readFileSync(join(root, "package.json"), "utf8")));
  rmSync(join(site, "docs"), { recursive: true, force: true });
  for (const [document, page] of documents) {
    const file = join(site, page);
    mkdirSync(dirname(file), { recursive: true });
    const text = readFileSync(join(root, document), "utf8");
    const named = basename(page) === "readme.md" ? "---\ntitle: README\n---\n\n" : "";
    writeFileSync(file, named + pageOf(text, document, documents, repository));
  }
}
