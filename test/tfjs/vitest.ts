/** The suite under Vitest, on the sources in src/, for coverage and for mutants. run.ts tests what users get. */
import "@tensorflow/tfjs-backend-cpu";
import "@tensorflow/tfjs-backend-wasm";
import { afterAll, beforeAll, describe, test } from "vitest";
import { runTest } from "./harness.ts";
import { stagesOf } from "./suite.ts";

describe.each(stagesOf("in place"))("$name", ({ enter, leave, subjects }) => {
  beforeAll(enter);
  afterAll(leave);
  for (const subject of subjects) subject((name, body) => test(name, () => runTest(body)));
});
