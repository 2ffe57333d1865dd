/** The contest of kernels in a page: fetches both modules, and reports the table. */
import { type Clock, contest, type Wanted } from "./contest.ts";

/** Clocks of browsers are coarse. */
const CLOCK: Clock = { roundUs: 5000, rounds: 24 };

async function compiled(name: string): Promise<WebAssembly.Module> {
  return WebAssembly.compile(await (await fetch(`/${name}.wasm`)).arrayBuffer());
}

async function run(): Promise<{ lines: string[] } | { error: string }> {
  try {
    const wanted = (await (await fetch("/wanted.json")).json()) as Wanted;
    return { lines: [...contest(await compiled("now"), await compiled("before"), wanted, CLOCK)] };
  } catch (error) {
    return { error: String(error) };
  }
}

fetch("/report", { method: "POST", body: JSON.stringify(await run()) });
