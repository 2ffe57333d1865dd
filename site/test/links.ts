/** Every link of the built site that leads into it finds a page, and the place in it. */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, posix } from "node:path";
import type { Tally } from "../../test/portable/tally.ts";

/** The identifiers of a page. */
function placesOf(html: string): Set<string> {
  return new Set([...html.matchAll(/\s(?:id|name)="([^"]+)"/g)].map(([, id]) => id as string));
}

/** The links of a page that lead nowhere. */
function brokenLinks(folder: string, base: string, page: string, places: Map<string, Set<string>>): string[] {
  const html = readFileSync(join(folder, page), "utf8");
  const address = new URL(`http://site${base}${page}`);
  const broken: string[] = [];
  for (const [, link] of html.matchAll(/<[a-z]+\b[^>]*?\s(?:href|src)="([^"]+)"/g)) {
    const url = new URL((link as string).replaceAll("&amp;", "&"), address);
    if (url.host !== "site") continue;
    const inside = decodeURIComponent(url.pathname.slice(base.length));
    const target = inside === "" || inside.endsWith("/") ? posix.join(inside, "index.html") : inside;
    const hash = decodeURIComponent(url.hash.slice(1));
    const isThere = url.pathname.startsWith(base) && existsSync(join(folder, target));
    if (!isThere || (hash && target.endsWith(".html") && !places.get(target)?.has(hash)))
      broken.push(`${page}: ${link}`);
  }
  return broken;
}

export async function checkLinks({ test }: Tally, folder: string, base: string): Promise<void> {
  const pages = readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((path) => path.replaceAll("\\", "/"))
    // Nobody is led to the page for missing pages.
    .filter((path) => path.endsWith(".html") && path !== "404.html");
  const places = new Map(pages.map((page) => [page, placesOf(readFileSync(join(folder, page), "utf8"))]));
  await test(`the links of ${pages.length} pages lead somewhere`, () => {
    assert.ok(pages.length > 50, "there are fewer pages than the API alone has");
    assert.deepEqual(
      pages.flatMap((page) => brokenLinks(folder, base, page, places)),
      [],
    );
  });
}
