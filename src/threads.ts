/**
 * What an instance with threads needs besides the kernels, in a bundle of its own: entries import it only if threads are
 * asked for.
 */
import type { Abi, SharingAbi } from "./abi.js";
import { makeSharedMemory } from "./shared-memory.js";
import { SharedAbi } from "./threads/abi.js";
import type { ThreadWorker } from "./threads/host.js";
import { callCreateWorker, makeWorker, startWorker } from "./threads/spawn.js";
import { makeControl, Team } from "./threads/team.js";

export { LIMITS } from "./threads/limits.js";

/** An instance of the kernels on shared memory, and the threads that work on it. */
export interface Crew {
  readonly memory: WebAssembly.Memory;
  readonly abi: SharingAbi;
  readonly team: Team;
}

/** What {@link gather} is asked for. */
export interface CrewSettings {
  /** Threads in all, the calling one among them. */
  readonly threads: number;
  readonly createWorker: (() => unknown) | undefined;
  /** The limit of the memory, in pages. */
  readonly pages: number;
}

/** Ends the threads of instances that are collected without close(). */
const abandoned =
  typeof FinalizationRegistry === "undefined" ? undefined : new FinalizationRegistry<Team>((team) => team.close());

/** Whether this host shares memory between threads. A page must be isolated for that. */
function canShareMemory(): boolean {
  const { crossOriginIsolated } = globalThis as { crossOriginIsolated?: boolean };
  return typeof SharedArrayBuffer === "function" && crossOriginIsolated !== false;
}

/** The kernels on a memory. Undefined if the module cannot take a shared memory, for a caller may supply any module. */
async function instantiate(module: WebAssembly.Module, memory: WebAssembly.Memory): Promise<Abi | undefined> {
  try {
    return (await WebAssembly.instantiate(module, { env: { memory } })).exports as unknown as Abi;
  } catch (error) {
    /* v8 ignore if -- no module of adanorm's gives another error */
    if (!(error instanceof WebAssembly.LinkError)) throw error;
    return undefined;
  }
}

/**
 * Starts the threads. Resolves to undefined if the host has none to give.
 *
 * @param getModule gives the build for shared memory. It is not called if the host cannot share memory.
 */
export async function gather(
  getModule: () => Promise<WebAssembly.Module>,
  { threads, createWorker, pages }: CrewSettings,
): Promise<Crew | undefined> {
  if (!canShareMemory()) return undefined;
  const memory = makeSharedMemory(pages);
  if (!memory) return undefined;
  const module = await getModule();
  const abi = await instantiate(module, memory);
  if (!abi) return undefined;
  const control = makeControl();
  const team = new Team(control, threads);
  const recruit = async (thread: number): Promise<void> => {
    let worker: ThreadWorker | undefined;
    try {
      worker = createWorker ? callCreateWorker(createWorker) : makeWorker();
    } catch (error) {
      // What createWorker has returned is an error of the caller's. Any other is a host without workers.
      if (createWorker) throw error;
    }
    if (!worker) return;
    const recruited = worker;
    const start = { module, memory, control, thread };
    if (await startWorker(recruited, start, () => team.remove(recruited))) team.add(recruited, thread);
    else team.remove(recruited);
  };
  try {
    await Promise.all(Array.from({ length: threads - 1 }, (_, i) => recruit(i + 1)));
  } catch (error) {
    // Also those that have yet to start end then.
    team.close();
    throw error;
  }
  if (team.threads === 1) return undefined;
  const shared = new SharedAbi(abi, memory, team);
  abandoned?.register(shared, team);
  return { memory, abi: shared, team };
}
