/** The unchanged Worker, and one more path that says what its kernels and its cache hold. */
import worker from "../src/index.ts";
import { kernels, norms } from "../src/norms.ts";

export default {
  fetch(request: Request): Response | Promise<Response> {
    if (new URL(request.url).pathname !== "/memory") return worker.fetch(request);
    return Response.json({ ...kernels.memory, norms: norms.count });
  },
};
