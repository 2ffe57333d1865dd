/** What both builds of ONNX Runtime have in common: one session a job, one thread, x in an array of the caller's. */
import { inputs, type Job, type Task } from "../job.ts";
import { model, shapeOf } from "./onnx.ts";

interface Tensor {
  data: Float32Array;
}

interface Session {
  run(feeds: { x: Tensor }): Promise<{ y: Tensor }>;
  release(): Promise<void>;
}

/** What is used of the packages. */
export interface Runtime {
  Tensor: new (type: "float32", data: Float32Array, dims: number[]) => Tensor;
  InferenceSession: { create(model: Uint8Array, options: object): Promise<Session> };
  env: { wasm: { numThreads?: number } };
}

export async function prepare(runtime: Runtime, provider: "cpu" | "wasm", job: Job): Promise<Task> {
  if (job.kind !== "forward" && job.kind !== "channels") throw new Error(`ONNX Runtime has no ${job.kind}`);
  const session = await runtime.InferenceSession.create(model(job), {
    executionProviders: [provider],
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
  });
  const feeds = { x: new runtime.Tensor("float32", inputs.x(job), shapeOf(job)) };
  return {
    run: () => session.run(feeds).then(() => undefined),
    result: async () => [(await session.run(feeds)).y.data],
    free: () => session.release(),
  };
}
