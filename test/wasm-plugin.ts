/** For Vitest: an import of a .wasm file gives what the bundler, or a host that compiles such files, makes of it. */
import { fileURLToPath } from "node:url";
import type { ViteUserConfig } from "vitest/config";

/** Imports of build/ give the bytes; those of a file beside the importing one give the module. */
export const wasm: NonNullable<ViteUserConfig["plugins"]>[number] = {
  name: "wasm",
  enforce: "pre",
  resolveId(id, importer) {
    if (!id.endsWith(".wasm") || !importer) return undefined;
    return `\0${id.startsWith("./") ? "module" : "bytes"}:${id.split("/").at(-1)}.js`;
  },
  load(id) {
    const [, kind, file] = /^\0(module|bytes):(.*)\.js$/.exec(id) ?? [];
    if (!file) return undefined;
    const path = JSON.stringify(fileURLToPath(new URL(`../build/${file}`, import.meta.url)));
    const bytes = `Uint8Array.from(readFileSync(${path}))`;
    const value = kind === "module" ? `new WebAssembly.Module(${bytes})` : bytes;
    return `import { readFileSync } from "node:fs";\nexport default ${value};`;
  },
};
