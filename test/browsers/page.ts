/**
 * A page: runs the checks, or starts a worker that does. It imports nothing from the package, so that it can report
 * what fails.
 */
import { fetchModule } from "./module.ts";
import { tell } from "./tell.ts";

const compile = () => WebAssembly.compileStreaming(fetchModule());

if (location.pathname === "/worker") {
  const worker = new Worker(`/suite/worker.js${location.search}`, { type: "module" });
  worker.onerror = ({ message }) => tell(Promise.reject(new Error(message ?? "the worker did not load")));
  compile().then(
    (module) => worker.postMessage({ module }),
    (error) => worker.postMessage({ error: String(error) }),
  );
} else {
  tell(import("./checks.ts").then(({ check }) => check(compile)));
}
