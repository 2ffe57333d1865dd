/** The suite in workerd: answers every request with the report. */
import "./watch.js"; // before the package, which might compile as soon as it is loaded
import module from "adanorm/adanorm.wasm";
import { runSuite } from "./suite.js";
import { attempts } from "./watch.js";

const EMPTY = Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0);

/** Whether compiling bytes, as the package does elsewhere, is refused here. */
async function isRefused() {
  try {
    await WebAssembly.compile(EMPTY);
    return false;
  } catch (error) {
    return error instanceof WebAssembly.CompileError;
  }
}

export default {
  async fetch() {
    const report = await runSuite({ module });
    const test = (name, error) => {
      if (error) report.failed.push({ name, error });
      else report.passed += 1;
    };
    test("nothing is compiled from bytes", attempts.join(", "));
    attempts.length = 0;
    const refused = await isRefused();
    test("bytes would be refused, and noticed", refused && attempts.length === 1 ? "" : `${refused}, [${attempts}]`);
    return Response.json(report);
  },
};
