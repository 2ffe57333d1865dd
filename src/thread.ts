/**
 * The file that a worker runs to be a thread of {@link load}'s `threads`. It imports nothing, so it can be the whole of a
 * worker, or be imported by a worker's own file.
 *
 * @module adanorm/thread
 */
import type { Abi } from "./abi.js";
import { OPEN, READY, START, type Start, seenWord, sleepsWord, WORD } from "./threads/control.js";
import { type Port, workerThreads } from "./threads/host.js";
import { TaskRunner } from "./threads/tasks.js";

/**
 * How long a thread without work looks for some before it sleeps, in ms. The next call is often near; waking a thread takes the caller
 * 10 us; and some systems wake a thread on the caller's own processor, which they put right after some milliseconds.
 */
const AWAKE = 1;
/** How often it looks before it looks at the time. */
const SPINS = 500;

/** Enters the open gate. Returns false if it is closed. */
function enter(control: Int32Array): boolean {
  for (;;) {
    const gate = Atomics.load(control, WORD.gate);
    if ((gate & OPEN) === 0) return false;
    if (Atomics.compareExchange(control, WORD.gate, gate, gate + 1) === gate) return true;
  }
}

function leave(control: Int32Array): void {
  if (Atomics.sub(control, WORD.gate, 1) === 1 && Atomics.load(control, WORD.callerSleeps) === 1) {
    Atomics.notify(control, WORD.gate);
  }
}

/** Waits for another generation than the last one seen. */
function waitForTask(control: Int32Array, seen: number, thread: number): void {
  for (const end = performance.now() + AWAKE; performance.now() < end; ) {
    for (let i = 0; i < SPINS; i++) if (Atomics.load(control, WORD.generation) !== seen) return;
  }
  Atomics.store(control, sleepsWord(thread), 1);
  Atomics.wait(control, WORD.generation, seen);
  Atomics.store(control, sleepsWord(thread), 0);
}

/** Works until the calling thread says that it is over, and ends the worker then. */
function serve(port: Port, { module, memory, control: words, thread }: Start): void {
  const control = new Int32Array(words);
  const { exports } = new WebAssembly.Instance(module, { env: { memory } });
  const runner = new TaskRunner(exports as unknown as Abi, memory, control, thread);
  port.postMessage(READY);
  for (;;) {
    let seen = Atomics.load(control, WORD.generation);
    // Read after the generation, which changes afterwards: so no thread sleeps through the end.
    if (Atomics.load(control, WORD.isOver) === 1) break;
    if (enter(control)) {
      // While this thread is inside, no other task can begin.
      seen = Atomics.load(control, WORD.generation);
      runner.run(true);
      leave(control);
    }
    Atomics.store(control, seenWord(thread), seen);
    waitForTask(control, seen, thread);
  }
  port.close();
}

function listen(port: Port): void {
  const take = (message: unknown) => {
    if ((message as Partial<Start> | null)?.adanorm === START) serve(port, message as Start);
  };
  if (port.addEventListener) port.addEventListener("message", ({ data }) => take(data));
  else port.on?.("message", take);
}

// Node's worker has its port in a module.
const port = typeof postMessage === "function" ? (globalThis as unknown as Port) : workerThreads()?.parentPort;
if (port) listen(port);
