/**
 * The norms in C (native/norms.c), compiled for the machine they run on by the compiler that is there: the yardstick. They
 * run, and are timed, in a program of their own, native/program.c, which says what is written to it and what it answers.
 * The variant "narrow" has vectors of 128 bits.
 */
import { execFile, spawn } from "node:child_process";
import { mkdirSync } from "node:fs";
import type { Socket } from "node:net";
import type { Writable } from "node:stream";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { type BackwardJob, EPS, type ForwardJob, inputs, type Job, K, SCALE, type TimedTask } from "../job.ts";

const folder = fileURLToPath(new URL("../native/", import.meta.url));
const COMPILERS = ["clang", "cc"];
/** As one compiles for speed, on one machine alone. */
const FAST = ["-O3", "-march=native", "-ffast-math"];
/** The same in vectors as wide as WebAssembly's: what is left is what the language, the engine and exactness take. */
const NARROW = "-mprefer-vector-width=128";
const NEWLINE = 10;

const execute = promisify(execFile);

/** The compiler, and its version. */
async function findCompiler(): Promise<[command: string, version: string]> {
  for (const command of COMPILERS) {
    try {
      const { stdout } = await execute(command, ["--version"]);
      return [command, stdout.match(/\d+(\.\d+)+/)?.[0] ?? ""];
    } catch {
      // The next one, then.
    }
  }
  throw new Error(`no C compiler (${COMPILERS.join(", ")}) is there`);
}

/** Compiles the norms with these options, and the program around them; returns its path. */
async function build(compiler: string, options: string[], name: string): Promise<string> {
  mkdirSync(`${folder}build`, { recursive: true });
  const compile = (...words: string[]) =>
    execute(compiler, ["-std=c11", ...words], { cwd: folder }).catch(({ stderr, message }) => {
      throw new Error(`${compiler}: ${String(stderr || message).split("\n")[0]}`);
    });
  const [norms, program] = [`build/${name}-norms.o`, `build/${name}`];
  await compile(...options, "-c", "norms.c", "-o", norms);
  await compile("-O1", "-D_POSIX_C_SOURCE=200809L", "program.c", norms, "-lm", "-o", program);
  return `${folder}${program}`;
}

/** The running program. One request at a time. */
class Program {
  readonly #stdin: Writable;
  /** What came of the answer so far. */
  #chunks: Buffer[] = [];
  #ended: string | undefined;
  #wake: () => void = () => {};

  constructor(path: string) {
    const program = spawn(path, { stdio: ["pipe", "pipe", "inherit"] });
    const { stdin, stdout } = program;
    this.#stdin = stdin;
    stdout.on("data", (chunk: Buffer) => {
      this.#chunks.push(chunk);
      this.#wake();
    });
    const end = (reason: string) => {
      this.#ended = `the program ended: ${reason}`;
      this.#wake();
    };
    program.once("exit", (code, signal) => end(signal ?? `exit ${code}`)).once("error", ({ message }) => end(message));
    // To write to a program that has ended fails; that it has ended is known by then.
    stdin.on("error", () => {});
    // None of these keeps this process alive. When it ends, so does the program, for its input does.
    for (const one of [program, stdin as Socket, stdout as Socket]) one.unref();
  }

  /** Sends a request and the arrays that follow it; returns the numbers after `ok`, and the `floats` that follow them. */
  async ask(request: string, arrays: Float32Array[] = [], floats = 0): Promise<[numbers: number[], Float32Array]> {
    this.#chunks = [];
    this.#stdin.write(`${request}\n`);
    for (const { buffer, byteOffset, byteLength } of arrays)
      this.#stdin.write(Buffer.from(buffer, byteOffset, byteLength));
    while (!this.#received().includes(NEWLINE)) await this.#more();
    const start = this.#received().indexOf(NEWLINE) + 1;
    const [first, ...words] = this.#received().toString("latin1", 0, start).trim().split(" ");
    if (first !== "ok") throw new Error(words.join(" "));
    while (this.#length() < start + 4 * floats) await this.#more();
    // A copy, for floats have to start at a multiple of four bytes.
    return [words.map(Number), new Float32Array(Uint8Array.from(this.#received().subarray(start)).buffer)];
  }

  #length(): number {
    return this.#chunks.reduce((sum, { length }) => sum + length, 0);
  }

  #received(): Buffer {
    const all = Buffer.concat(this.#chunks);
    this.#chunks = [all];
    return all;
  }

  async #more(): Promise<void> {
    if (this.#ended) throw new Error(this.#ended);
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
  }
}

/** What the program calls the job. */
function kindOf(job: ForwardJob | BackwardJob): string {
  const { norm } = job;
  const plain = job.kind === "forward" && !job.inPlace && !job.dtype && !job.residual && (job.nodes ?? 1) === 1;
  if (plain && (norm === "layerNorm" || norm === "rmsNorm" || norm === "adaNorm")) return norm;
  if (job.kind === "backward" && norm === "layerNorm" && job.params) return "layerNormBackward";
  if (job.kind === "backward" && norm === "layerNormSimple") return "layerNormSimpleBackward";
  if (job.kind === "backward" && norm === "adaNorm") return "adaNormBackward";
  throw new Error(`not written: ${job.kind} of ${norm}`);
}

async function prepare(program: Program, job: Job): Promise<TimedTask> {
  if (job.kind !== "forward" && job.kind !== "backward") throw new Error(`not written: ${job.kind}`);
  const { rows, size } = job;
  const request = ["prepare", kindOf(job), rows, size, EPS, SCALE, K].join(" ");
  const dy = job.kind === "backward" ? [inputs.dy(job)] : [];
  const [[slot]] = await program.ask(request, [inputs.x(job), ...dy, inputs.gain(job), inputs.bias(job)]);
  const results = job.kind === "backward" && job.params ? [rows * size, size, size] : [rows * size];
  return {
    async time(calls) {
      const [[ns, onCore, shared]] = (await program.ask(`time ${slot} ${calls}`)) as [
        [number, number, number],
        unknown,
      ];
      return { ns: ns / calls, running: onCore / ns, shared };
    },
    async result() {
      const length = results.reduce((sum, part) => sum + part);
      const [, floats] = await program.ask(`result ${slot}`, [], length);
      let end = 0;
      return results.map((part) => {
        end += part;
        return floats.subarray(end - part, end);
      });
    },
    free: async () => void (await program.ask(`free ${slot}`)),
  };
}

export async function open(variant: string | undefined) {
  const [compiler, version] = await findCompiler();
  const options = variant === "narrow" ? [...FAST, NARROW] : FAST;
  const program = new Program(await build(compiler, options, variant ?? "native"));
  return { version: `(${[compiler, version, ...options].join(" ")})`, prepare: (job: Job) => prepare(program, job) };
}
