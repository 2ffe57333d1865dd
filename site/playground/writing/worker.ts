/** The worker of the generator: the model, its weights and the kernels are here, so that the page stays free. */
import { load } from "adanorm";
import { type Model, readModel } from "../../../examples/generate/model.js";
import { generate } from "../../../examples/generate/text.js";
import type { WritingAnswer, WritingRequest } from "./messages.ts";

/** How long it writes at a time, before it looks whether there are other messages. */
const TURN_MILLISECONDS = 30;

const tell = (answer: WritingAnswer) => postMessage(answer);

async function fetchModel(url: string): Promise<Model> {
  const [kernels, response] = await Promise.all([load(), fetch(url)]);
  if (!response.ok) throw new Error(`weights: ${url}: status ${response.status}`);
  return readModel(kernels, new Uint8Array(await response.arrayBuffer()));
}

let loading: Promise<Model> | undefined;
/** The last request. A text that is not of the last request ends. */
let last: WritingRequest | undefined;

async function write(request: Extract<WritingRequest, { kind: "write" }>): Promise<void> {
  const { run, settings, pace, weightsUrl } = request;
  loading ??= fetchModel(weightsUrl).catch((error) => {
    // So that the next try asks again.
    loading = undefined;
    throw error;
  });
  const model = await loading;
  const symbols = generate(model, settings);
  const start = performance.now();
  let [shownAt, spent, written, text] = [start, 0, 0, ""];
  const show = (state: "writing" | "stopped" | "done") => {
    tell({ kind: "text", run, text, milliseconds: spent / Math.max(1, written), shape: model.shape, state });
    text = "";
    shownAt = performance.now();
  };
  const turn = () => {
    const begin = performance.now();
    if (last !== request) {
      // It frees its memory.
      symbols.return();
      return show("stopped");
    }
    const due = pace.perSecond ? Math.ceil(((begin - start) / 1000) * pace.perSecond) : settings.length;
    while (written < Math.min(due, settings.length) && performance.now() - begin < TURN_MILLISECONDS) {
      text += symbols.next().value ?? "";
      written += 1;
    }
    spent += performance.now() - begin;
    if (written >= settings.length) {
      symbols.return();
      return show("done");
    }
    if (performance.now() - shownAt >= pace.frameMilliseconds) show("writing");
    setTimeout(turn, 0);
  };
  turn();
}

addEventListener("message", ({ data }: MessageEvent<WritingRequest>) => {
  last = data;
  if (data.kind === "write")
    write(data).catch((error) => {
      tell({ kind: "error", message: error instanceof Error ? error.message : String(error) });
    });
});
