/** All tests, on every backend and by every route of the ops there. The host has set up the backends. */
import * as tf from "@tensorflow/tfjs-core";
import { ready } from "adanorm/tfjs";
import { channelErrors, channelLayers, channels } from "./channels.ts";
import { errors } from "./errors.ts";
import { gradients } from "./gradients.ts";
import { type Define, type Report, runTests } from "./harness.ts";
import { layers } from "./layers.ts";
import { growth, memory } from "./memory.ts";
import {
  breakInternals,
  changes,
  firstOp,
  hideMemory,
  newBackend,
  refusals,
  replaceBackend,
  type Way,
  wasmOf,
} from "./routes.ts";

/** Tests that run in the same circumstances. */
export interface Stage {
  name: string;
  /** Sets the circumstances up, whatever stages ran before. */
  enter(): Promise<void>;
  leave(): void;
  subjects: ((define: Define) => void)[];
}

async function useKernels(): Promise<void> {
  await tf.setBackend("wasm");
  await ready();
}

/** A backend with its initial memory, because tests of growth ask for more than there is. */
async function useNewBackend(): Promise<void> {
  replaceBackend();
  await useKernels();
}

/** A stage in which the wasm backend is modified. */
function changed(
  name: string,
  change: () => ReturnType<typeof hideMemory>,
  subjects: Stage["subjects"],
  use = useKernels,
): Stage {
  let asm: ReturnType<typeof hideMemory>;
  const enter = async () => {
    await use();
    asm = change();
  };
  const leave = () => {
    wasmOf().asm = asm;
  };
  return { name, enter, leave, subjects };
}

/** @param way the route that ops on the wasm backend take by themselves. */
export function stagesOf(way: Way): Stage[] {
  const leave = () => {};
  const setBackend = (name: string) => async () => void (await tf.setBackend(name));
  const all = [gradients, channels, errors, channelErrors, layers, channelLayers, memory];
  const stages: Stage[] = [
    { name: "cpu", enter: setBackend("cpu"), leave, subjects: [firstOp("operators"), ...all] },
    { name: "wasm, not ready", enter: setBackend("wasm"), leave, subjects: [firstOp("operators")] },
    { name: `wasm, ${way}`, enter: useKernels, leave, subjects: [firstOp(way), ...all] },
    { name: `wasm, ${way}, growing`, enter: useNewBackend, leave, subjects: [growth] },
  ];
  if (way !== "in place") return stages;
  return [
    ...stages,
    { name: "wasm, changed", enter: useKernels, leave, subjects: [changes, refusals] },
    changed("wasm, copies", hideMemory, [firstOp("copies"), gradients, channels, layers, memory]),
    changed("wasm, copies, growing", hideMemory, [growth], useNewBackend),
    changed("wasm, operators", breakInternals, [gradients, channels, layers]),
    { name: "wasm, another one", enter: useKernels, leave, subjects: [newBackend] },
  ];
}

/** @param way as for {@link stagesOf}. */
export async function runSuite(way: Way): Promise<Report> {
  const reports: Report[] = [];
  for (const { name, enter, leave, subjects } of stagesOf(way)) {
    await enter();
    reports.push(await runTests(name, subjects));
    leave();
  }
  return {
    passed: reports.reduce((sum, { passed }) => sum + passed, 0),
    failed: reports.flatMap(({ failed }) => failed),
  };
}
