/** The suite in Node. Prints its report. */
import "@tensorflow/tfjs-backend-cpu";
import "@tensorflow/tfjs-backend-wasm";
import { runSuite } from "./suite.ts";

console.log(JSON.stringify(await runSuite("in place")));
