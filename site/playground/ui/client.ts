/** The page's end of its workers. */
import { onBeforeUnmount } from "vue";
import type { Answer, Request } from "../messages.ts";
import type { WritingAnswer, WritingRequest } from "../writing/messages.ts";

type Failure = { kind: "error"; message: string };

interface Client<Asked, Told> {
  ask(request: Asked): void;
  /** Listens to the worker for as long as the component is there. */
  listen(listener: (answer: Told | Failure) => void): void;
  /** Ends the worker with everything that it does. */
  end(): void;
}

/** The worker is started by the first request, and shared by all that use the client. */
function clientOf<Asked, Told>(start: () => Worker): Client<Asked, Told> {
  let worker: Worker | undefined;
  const listeners = new Set<(answer: Told | Failure) => void>();
  const tellAll = (answer: Told | Failure) => {
    for (const listener of listeners) listener(answer);
  };
  return {
    ask(request) {
      if (!worker) {
        worker = start();
        worker.onmessage = ({ data }: MessageEvent<Told>) => tellAll(data);
        worker.onerror = ({ message }) => tellAll({ kind: "error", message: message ?? "the worker did not load" });
      }
      worker.postMessage(request);
    },
    listen(listener) {
      listeners.add(listener);
      onBeforeUnmount(() => listeners.delete(listener));
    },
    end() {
      worker?.terminate();
      worker = undefined;
    },
  };
}

/** The playground's. */
export const {
  ask,
  listen,
  end: endWorker,
} = clientOf<Request, Answer>(() => new Worker(new URL("../worker.ts", import.meta.url), { type: "module" }));

/** The generator's. */
export const writer = clientOf<WritingRequest, WritingAnswer>(
  () => new Worker(new URL("../writing/worker.ts", import.meta.url), { type: "module" }),
);
