/** All tests, on every backend and by every way that the ops have there. The host has set up the backends. */
import * as tf from "@tensorflow/tfjs-core";
import { ready } from "adanorm/tfjs";
import { errors } from "./errors.ts";
import { gradients } from "./gradients.ts";
import { type Report, runTests } from "./harness.ts";
import { layers } from "./layers.ts";
import { memory } from "./memory.ts";
import { breakInternals, changes, firstOp, hideMemory, newBackend, type Way, wasmOf } from "./routes.ts";

/** @param way the one that ops on the wasm backend go by themselves. */
export async function runSuite(way: Way): Promise<Report> {
  const reports: Report[] = [];
  const run = async (...args: Parameters<typeof runTests>) => void reports.push(await runTests(...args));

  await tf.setBackend("cpu");
  await run("cpu", [firstOp("operators"), gradients, errors, layers, memory]);

  await tf.setBackend("wasm");
  await run("wasm, not ready", [firstOp("operators")]);
  await ready();
  await run(`wasm, ${way}`, [firstOp(way), gradients, errors, layers, memory]);
  if (way === "in place") {
    await run("wasm", [changes]);
    const asm = hideMemory();
    await run("wasm, copies", [firstOp("copies"), gradients, layers, memory]);
    wasmOf().asm = asm;
    breakInternals();
    await run("wasm, operators", [gradients, layers]);
    wasmOf().asm = asm;
    await run("wasm", [newBackend]);
  }
  return {
    passed: reports.reduce((sum, { passed }) => sum + passed, 0),
    failed: reports.flatMap(({ failed }) => failed),
  };
}
