import { readFileSync } from "node:fs";

/** The version in a package.json; its path starts from this folder. */
export function versionOf(path: string): string {
  return JSON.parse(readFileSync(new URL(path, import.meta.url), "utf8")).version;
}

/** The version of a package that is installed for the benchmarks. */
export function installedVersion(name: string): string {
  return versionOf(`../node_modules/${name}/package.json`);
}
