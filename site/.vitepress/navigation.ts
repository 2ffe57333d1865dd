/** What stands beside the pages. */
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { DefaultTheme } from "vitepress";
import { documentsOf } from "../scripts/documents.ts";

type Item = DefaultTheme.SidebarItem;

const root = fileURLToPath(new URL("../..", import.meta.url));
const site = fileURLToPath(new URL("..", import.meta.url));

/** The order of the documents that everybody needs. Others follow. */
const ORDER = [
  ...["readme", "guide", "hosts", "benchmarks", "numerics", "speed", "reliability"],
  ...["threads", "embeddings", "tensorflow", "reproduction"],
];

/** The first heading of a file. */
function titleOf(file: string): string {
  const [, title = ""] = /^# (.+)$/m.exec(readFileSync(file, "utf8")) ?? [];
  return title.replaceAll("`", "");
}

function documents(): Item[] {
  const nameOf = (page: string) => page.replace(/^docs\/|\.md$/g, "");
  const rankOf = (page: string) => (ORDER.includes(nameOf(page)) ? ORDER.indexOf(nameOf(page)) : ORDER.length);
  const items = [...documentsOf(root)].map(([document, page]) => ({
    text: page === "docs/readme.md" ? "README" : titleOf(`${root}/${document}`),
    link: `/${page.replace(/\.md$/, "")}`,
    page,
  }));
  items.sort((a, b) => rankOf(a.page) - rankOf(b.page) || a.page.localeCompare(b.page));
  const toItem = ({ text, link }: (typeof items)[number]): Item => ({ text, link });
  const isExample = ({ page }: (typeof items)[number]) => page.startsWith("docs/examples/");
  return [
    { text: "Documents", items: items.filter((item) => !isExample(item)).map(toItem) },
    { text: "Examples", items: items.filter(isExample).map(toItem) },
  ];
}

const GUIDE: Item[] = [
  {
    text: "Guide",
    items: [
      { text: "Install", link: "/guide/install" },
      { text: "First call", link: "/guide/first-call" },
      { text: "Training", link: "/guide/training" },
      { text: "Threads", link: "/guide/threads" },
      { text: "Embeddings", link: "/guide/embeddings" },
      { text: "TensorFlow.js", link: "/guide/tensorflow" },
      { text: "At the edge", link: "/guide/edge" },
      { text: "Errors", link: "/guide/errors" },
      { text: "A model that writes", link: "/guide/model" },
    ],
  },
  {
    text: "Recipes",
    items: [
      { text: "A residual stream", link: "/recipes/residual-stream" },
      { text: "Queries and keys in place", link: "/recipes/queries-and-keys" },
      { text: "One token at a time", link: "/recipes/one-token" },
      { text: "Weights in bf16", link: "/recipes/bf16" },
      { text: "Gradients in pieces", link: "/recipes/gradients-in-pieces" },
      { text: "Statistics held constant", link: "/recipes/held-constant" },
      { text: "Check a kernel of your own", link: "/recipes/check-a-kernel" },
    ],
  },
];

/** Groups that collapse are buttons within buttons, which screen readers cannot tell apart. */
function withoutCollapsing({ collapsed: _, items, ...item }: Item): Item {
  return { ...item, ...(items && { items: items.map(withoutCollapsing) }) };
}

/** typedoc writes the list of its pages. Without it (when only other pages are looked at) there is none. */
function reference(): Item[] {
  const file = `${site}/api/typedoc-sidebar.json`;
  if (!existsSync(file)) return [];
  const items: Item[] = JSON.parse(readFileSync(file, "utf8"));
  return [{ text: "API", items: items.map(withoutCollapsing) }];
}

export const nav: DefaultTheme.NavItem[] = [
  { text: "Guide", link: "/guide/install", activeMatch: "/guide/" },
  { text: "Recipes", link: "/recipes/residual-stream", activeMatch: "/recipes/" },
  { text: "Documents", link: "/docs/numerics", activeMatch: "/docs/" },
  { text: "API", link: "/api/", activeMatch: "/api/" },
];

export const sidebar: DefaultTheme.SidebarMulti = {
  "/guide/": GUIDE,
  "/recipes/": GUIDE,
  "/docs/": documents(),
  "/api/": reference(),
};
