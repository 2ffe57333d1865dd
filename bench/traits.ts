/** What sets the peers apart besides their speed: how much a page loads for them, and how exact they are. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { forward } from "../build/reference.js";
import { EPS, type ForwardJob, inputs } from "./job.ts";
import type { Peers } from "./measure.ts";
import type { Traits } from "./result.ts";

const folder = fileURLToPath(new URL(".", import.meta.url));

interface Page {
  /** The least program that normalises rows with the package. */
  program: string;
  /** What it fetches besides its scripts. */
  fetched?: string;
}

const PAGES: Record<string, Page> = {
  adanorm: {
    program: `import { load } from "../build/index.js"; load().then((it) => console.log(it.layerNorm({ size: 4 })));`,
  },
  "onnxruntime-web": {
    program: `import { InferenceSession, Tensor } from "onnxruntime-web/wasm"; console.log(InferenceSession, Tensor);`,
    fetched: "onnxruntime-web/dist/ort-wasm-simd-threaded.wasm",
  },
  tfjs: {
    program: `import { add, mean, moments, mul, rsqrt, setBackend, sub, tensor2d } from "@tensorflow/tfjs-core";
      import "@tensorflow/tfjs-backend-wasm";
      console.log(add, mean, moments, mul, rsqrt, setBackend, sub, tensor2d);`,
    fetched: "@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-simd.wasm",
  },
  "jax-js": { program: `import { init, jit, numpy } from "@jax-js/jax"; console.log(init, jit, numpy);` },
};

/** The means of the rows, in standard deviations from 0. */
export const MEANS = [0, 1, 10, 100, 1e3, 1e4, 1e5, 1e6];
const ROWS = 64;
const SIZE = 768;

const gzipped = (bytes: Uint8Array) => gzipSync(bytes, { level: 9 }).length;

/** Bytes, compressed, of the scripts and of what they fetch. Scripts that are imported on demand do not count. */
async function pageBytes({ program, fetched }: Page): Promise<number> {
  const { metafile, outputFiles } = await build({
    stdin: { contents: program, resolveDir: folder },
    absWorkingDir: folder,
    outdir: "out",
    bundle: true,
    splitting: true,
    minify: true,
    format: "esm",
    platform: "browser",
    external: ["node:*", "fs", "path", "os", "worker_threads", "perf_hooks", "module"],
    metafile: true,
    write: false,
    logLevel: "error",
  });
  const isEntry = (path: string) => metafile.outputs[path]?.entryPoint === "<stdin>";
  const scripts = new Set(Object.keys(metafile.outputs).filter(isEntry));
  for (const path of scripts) {
    for (const { path: next, kind } of metafile.outputs[path]?.imports ?? []) {
      if (kind === "import-statement" && next in metafile.outputs) scripts.add(next);
    }
  }
  const files = outputFiles.filter(({ path }) => scripts.has(path.slice(folder.length)));
  if (files.length === 0) throw new Error("no script was built");
  const code = files.reduce((sum, { contents }) => sum + gzipped(contents), 0);
  return code + (fetched ? gzipped(readFileSync(`${folder}node_modules/${fetched}`)) : 0);
}

/** The largest error of y, for rows whose mean is so many standard deviations from 0. */
async function error(peers: Peers, peer: string, mean: number): Promise<number> {
  const job: ForwardJob = { kind: "forward", norm: "layerNorm", rows: ROWS, size: SIZE, mean };
  const process = peers.get(peer);
  await process?.ask({ do: "prepare", id: "exactness", job });
  const [y] = (await process?.ask({ do: "result", id: "exactness" })) ?? [];
  await process?.ask({ do: "free", id: "exactness" });
  const { y: exact } = forward("layerNorm", inputs.x(job), {
    size: SIZE,
    eps: EPS,
    gain: inputs.gain(job),
    bias: inputs.bias(job),
  });
  return exact.reduce((most, value, i) => Math.max(most, Math.abs(value - (y?.[i] as number))), 0);
}

/** The peers that have them. Plain loops are part of the page. */
export const WITH_TRAITS = [...Object.keys(PAGES), "plain"];

/** Those of the peers that run; a peer that fails has none, and a note that says why. */
export async function measureTraits(
  peers: Peers,
  names: readonly string[],
): Promise<{ traits: Record<string, Traits>; notes: string[] }> {
  const traits: Record<string, Traits> = {};
  const notes: string[] = [];
  for (const name of names.filter((one) => peers.has(one))) {
    const page = PAGES[name];
    const errors: Record<string, number> = {};
    try {
      for (const mean of MEANS) errors[mean] = await error(peers, name, mean);
      traits[name] = { bytes: page && (await pageBytes(page)), errors };
    } catch (failure) {
      if (name === "adanorm") throw failure;
      notes.push(`! ${name}: page and errors not measured: ${(failure as Error).message}`);
    }
  }
  return { traits, notes };
}
