/** The site. `SITE_BASE` is the path that it is served below: `/adanorm/`, for example. Default: `/`. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitepress";
import { repositoryOf } from "../scripts/documents.ts";
import { nav, sidebar } from "./navigation.ts";
import { CodeClasses, withPolicy } from "./policy.ts";
import { alignByClass, nameColumns } from "./tables.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
const repository = repositoryOf(manifest);

const base = `/${process.env.SITE_BASE ?? ""}/`.replace(/\/+/g, "/");
const isBuild = process.env.NODE_ENV === "production";
const codeClasses = new CodeClasses();

/** Isolates the page, which gives it threads. Static hosts without headers have none. */
const ISOLATED = { "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp" };

export default defineConfig({
  base,
  lang: "en",
  title: "adanorm",
  description: manifest.description,
  // Without transitions VitePress would add a style to the page, which the policy refuses.
  appearance: { disableTransition: false },
  metaChunk: true,
  // To Firefox a page that is fetched in advance is none of the kinds that the policy lists.
  router: { prefetchLinks: false },
  ignoreDeadLinks: "localhostLinks",
  srcExclude: ["node_modules/**", "out/**"],
  head: [
    ["link", { rel: "icon", href: `${base}icon.svg`, type: "image/svg+xml" }],
    ...(isBuild ? [["link", { rel: "stylesheet", href: `${base}code.css` }] as [string, Record<string, string>]] : []),
  ],
  markdown: {
    // The themes that VitePress has by default are too pale on grey.
    theme: { light: "github-light-high-contrast", dark: "github-dark-high-contrast" },
    config(md) {
      alignByClass(md);
      nameColumns(md);
    },
    // The development server has no policy, and no file for the classes.
    codeTransformers: isBuild ? [codeClasses.transformer] : [],
  },
  themeConfig: {
    nav,
    sidebar,
    outline: [2, 3],
    search: { provider: "local" },
    externalLinkIcon: true,
    ...(repository?.includes("github.com") && { socialLinks: [{ icon: "github" as const, link: repository }] }),
  },
  transformHtml: withPolicy,
  buildEnd({ outDir }) {
    writeFileSync(join(outDir, "code.css"), codeClasses.css());
  },
  vite: {
    server: { headers: ISOLATED, fs: { allow: [root] } },
    preview: { headers: ISOLATED },
    worker: { format: "es" },
  },
});
