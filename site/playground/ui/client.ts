/** The page's end of the worker. */
import { onBeforeUnmount } from "vue";
import type { Answer, Request } from "../messages.ts";

type Listener = (answer: Answer) => void;

let worker: Worker | undefined;
const listeners = new Set<Listener>();

/** The worker is started by the first request, and shared by the parts of the playground. */
export function ask(request: Request): void {
  if (!worker) {
    worker = new Worker(new URL("../worker.ts", import.meta.url), { type: "module" });
    worker.onmessage = ({ data }: MessageEvent<Answer>) => {
      for (const listener of listeners) listener(data);
    };
    worker.onerror = ({ message }) => {
      for (const listener of listeners) listener({ kind: "error", message: message ?? "the worker did not load" });
    };
  }
  worker.postMessage(request);
}

/** Listens to the worker for as long as the component is there. */
export function listen(listener: Listener): void {
  listeners.add(listener);
  onBeforeUnmount(() => listeners.delete(listener));
}

/** Ends the worker with everything that it does. */
export function endWorker(): void {
  worker?.terminate();
  worker = undefined;
}
