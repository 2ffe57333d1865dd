/**
 * The address of the repository, which package.json has in `repository`. Everything else that names it follows: `homepage`, `bugs`,
 * and the links of the README, which npm shows away from the repository.
 *
 *   tsx scripts/address.ts                                    says what does not follow, and fails if anything does not
 *   tsx scripts/address.ts https://github.com/owner/name      writes this address everywhere
 *   tsx scripts/address.ts --is-set                           fails if it is still the placeholder
 */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const PLACEHOLDER = "https://github.com/OWNER/adanorm";

const pathOf = (file: string) => fileURLToPath(new URL(`../${file}`, import.meta.url));
const read = (file: string) => readFileSync(pathOf(file), "utf8");

/** The address that a package.json has in `repository`. */
export function addressOf(manifest: string): string {
  return JSON.parse(manifest).repository.url.replace(/^git\+|\.git$/g, "");
}

/** All addresses that a document links to, or takes pictures from. */
export function linksOf(document: string): string[] {
  return [...document.matchAll(/\]\(([^)\s]+)\)/g)].map((match) => match[1] as string);
}

/** The part of a link that begins behind the address: "blob/main/docs/guide.md". Undefined for what is elsewhere. */
export function insideOf(link: string, address: string): string | undefined {
  return link.startsWith(`${address}/`) ? link.slice(address.length + 1) : undefined;
}

/** What does not follow the address. */
export function strays(manifest: string, readme: string): string[] {
  const address = addressOf(manifest);
  const { homepage, bugs } = JSON.parse(manifest);
  const wrong = linksOf(readme).filter((link) => {
    if (!URL.canParse(link)) return true;
    // Another address of a repository is one that was left behind.
    return /\/(blob|raw|tree|issues)\b/.test(link) && insideOf(link, address) === undefined;
  });
  if (homepage !== `${address}#readme`) wrong.push(`homepage: ${homepage}`);
  if (bugs.url !== `${address}/issues`) wrong.push(`bugs: ${bugs.url}`);
  return wrong;
}

function main([argument]: string[]): void {
  const address = addressOf(read("package.json"));
  if (argument === "--is-set") {
    if (address === PLACEHOLDER)
      throw new Error("set the address of the repository first: see CONTRIBUTING.md, Release");
  } else if (argument !== undefined) {
    const next = new URL(argument).href.replace(/\/$/, "");
    for (const file of ["package.json", "README.md"]) writeFileSync(pathOf(file), read(file).replaceAll(address, next));
  }
  const wrong = strays(read("package.json"), read("README.md"));
  for (const one of wrong) console.log(`does not follow ${addressOf(read("package.json"))}: ${one}`);
  process.exitCode = wrong.length > 0 ? 1 : 0;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main(process.argv.slice(2));
