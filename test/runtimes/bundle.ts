/** The Worker, bundled for a host that is given modules: one of JavaScript, and beside it those of WebAssembly, as they are. */
import { build } from "esbuild";

export async function bundleWorker(folder: string, outdir: string): Promise<void> {
  await build({
    absWorkingDir: folder,
    entryPoints: ["worker.js"],
    outdir,
    bundle: true,
    format: "esm",
    target: "es2022",
    conditions: ["workerd", "worker", "browser"],
    loader: { ".wasm": "copy" },
    assetNames: "[name]",
    // The errors are in what it throws.
    logLevel: "silent",
  });
}
