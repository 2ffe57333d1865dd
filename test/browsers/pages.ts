/** Builds the scripts of the pages. They do not contain the package: they import the installed files from the server. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import type { Project } from "../portable/project.ts";

type Target = string | { [condition: string]: Target };

const CONDITIONS = ["browser", "import", "default"];

/** The file that a browser gets for an entry in "exports". */
function targetOf(entry: Target): string | undefined {
  if (typeof entry === "string") return entry;
  for (const [condition, inner] of Object.entries(entry)) {
    const target = CONDITIONS.includes(condition) ? targetOf(inner) : undefined;
    if (target) return target;
  }
  return undefined;
}

/** Writes the scripts into the folder "suite" of the project. */
export async function buildPages({ folder, installed }: Project): Promise<void> {
  const { exports } = JSON.parse(readFileSync(join(installed, "package.json"), "utf8"));
  const served = (specifier: string): string => {
    const target = targetOf(exports[specifier.replace("adanorm", ".")] ?? {});
    if (!target) throw new Error(`the package exports no ${specifier}`);
    return new URL(target, "http://localhost/node_modules/adanorm/").pathname;
  };
  await build({
    absWorkingDir: fileURLToPath(new URL(".", import.meta.url)),
    entryPoints: ["page.ts", "worker.ts"],
    outdir: join(folder, "suite"),
    bundle: true,
    // So that files that an entry imports on demand stay separate.
    splitting: true,
    format: "esm",
    target: "es2022",
    define: {
      PACKAGE: JSON.stringify({
        main: served("adanorm"),
        url: served("adanorm/url"),
        wasm: served("adanorm/wasm"),
      }),
    },
    plugins: [
      {
        name: "served paths",
        setup({ onResolve }) {
          onResolve({ filter: /^adanorm(\/|$)/ }, ({ path }) => ({ path: served(path), external: true }));
        },
      },
    ],
    logLevel: "warning",
  });
}
