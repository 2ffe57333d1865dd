/**
 * Start-up: fresh processes, without a loader for TypeScript, that import a package and normalise 8 x 64 numbers. It
 * times the import, and then the time to the first result.
 */
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { model } from "./peers/onnx.ts";
import type { Result, StartUp } from "./result.ts";

const ROWS = 8;
const SIZE = 64;

const folder = fileURLToPath(new URL(".", import.meta.url));

interface Program {
  /** What gives the package as `it`. */
  load: string;
  /** From it to y, of x and of the model given to ONNX Runtime. */
  first: string;
}

const onnxruntime = (first = "") => `${first}
  const session = await it.InferenceSession.create(model, { intraOpNumThreads: 1, interOpNumThreads: 1 });
  const y = (await session.run({ x: new it.Tensor("float32", x, [${ROWS}, ${SIZE}]) })).y.data;`;

const PROGRAMS: Record<string, Program> = {
  adanorm: {
    load: `const it = await import("${new URL("../build/index.js", import.meta.url)}");`,
    first: `const { y } = (await it.load()).layerNorm({ size: ${SIZE} }).forward(x);`,
  },
  "onnxruntime-node": { load: `const it = await import("onnxruntime-node");`, first: onnxruntime() },
  "onnxruntime-web": {
    load: `const it = await import("onnxruntime-web");`,
    first: onnxruntime("it.env.wasm.numThreads = 1;"),
  },
  tfjs: {
    load: `const it = await import("@tensorflow/tfjs");
      const wasm = await import("@tensorflow/tfjs-backend-wasm");`,
    first: `wasm.setWasmPaths("${folder}node_modules/@tensorflow/tfjs-backend-wasm/dist/");
      await it.setBackend("wasm");
      await it.ready();
      const tensor = it.tensor2d(x, [${ROWS}, ${SIZE}]);
      const { mean, variance } = it.moments(tensor, -1, true);
      const y = it.mul(it.sub(tensor, mean), it.rsqrt(it.add(variance, 1e-5))).dataSync();`,
  },
};

/** The peers that have it. */
export const START_UP = Object.keys(PROGRAMS);

const source = ({ load, first }: Program) => `
  const model = Buffer.from(process.argv[1], "base64");
  const x = Float32Array.from({ length: ${ROWS * SIZE} }, (_, i) => Math.sin(i));
  const start = performance.now();
  ${load}
  const imported = performance.now();
  ${first}
  const end = performance.now();
  const squares = y.reduce((sum, value) => sum + value * value, 0);
  console.log(JSON.stringify([imported - start, end - imported, squares]));
  process.exit();`;

async function once(program: Program, bytes: string): Promise<[imported: number, first: number]> {
  const args = ["--input-type=module", "--eval", source(program), bytes];
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: folder });
  const [imported, first, squares] = JSON.parse(stdout.trim().split("\n").at(-1) ?? "");
  // Each row has a variance of 1, up to eps.
  if (!(Math.abs(squares / (ROWS * SIZE) - 1) < 1e-3)) throw new Error(`the first result is wrong: ${squares}`);
  return [imported, first];
}

/** The line with the reason, among all lines that a failed process prints. */
function reasonOf({ message }: Error): string {
  return message.split("\n").find((line) => /^\w*Error/.test(line)) ?? message.slice(0, 200);
}

/** Each of these peers in turn, `runs` times; the gain of 1 and bias of 0 that ONNX asks for change nothing. */
export async function measureStartUp(
  peers: string[],
  runs: number,
): Promise<{ startUp: Result["startUp"]; notes: string[] }> {
  const ones = { gain: new Float32Array(SIZE).fill(1), bias: new Float32Array(SIZE) };
  const bytes = Buffer.from(model({ kind: "forward", norm: "layerNorm", rows: ROWS, size: SIZE }, ones));
  const startUp: Record<string, StartUp> = {};
  const notes: string[] = [];
  for (let run = 0; run < runs; run++) {
    for (const name of peers) {
      if (notes.some((note) => note.startsWith(`${name}:`))) continue;
      try {
        const [imported, first] = await once(PROGRAMS[name] as Program, bytes.toString("base64"));
        startUp[name] ??= { import: [], first: [] };
        startUp[name].import.push(imported);
        startUp[name].first.push(first);
      } catch (error) {
        notes.push(`${name}: start-up not measured: ${reasonOf(error as Error)}`);
        delete startUp[name];
      }
    }
  }
  return { startUp, notes };
}
