/** The Worker, bundled for a host that takes modules: one of JavaScript, and the unchanged modules of WebAssembly. */
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
