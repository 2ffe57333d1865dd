/**
 * adanorm's module, called without the facade: backward with a gain and without the sums that dGain and dBias come of, which
 * the facade does not offer; and with them, to compare.
 */
import { readFileSync } from "node:fs";
import { type Abi, columnsBytes } from "../../src/abi.ts";
import { CALL } from "../../src/layout.ts";
import { writeCall } from "../../test/call.ts";
import { EPS, inputs, type Job, type Task } from "../job.ts";
import { versionOf } from "./version.ts";

export function open() {
  const module = new WebAssembly.Module(readFileSync(new URL("../../build/adanorm.wasm", import.meta.url)));
  return {
    version: versionOf("../../package.json"),
    prepare(job: Job): Task {
      if (job.kind !== "backward" || job.norm !== "layerNorm" || !job.params) throw new Error("not written");
      const { rows, size } = job;
      const sums = job.sums !== false;
      // Of its own: the collector takes it with all that lies there.
      const memory = new WebAssembly.Memory({ initial: 1 });
      const abi = new WebAssembly.Instance(module, { env: { memory } }).exports as unknown as Abi;
      const place = (values: Float32Array) => {
        const pointer = abi.alloc(values.byteLength);
        new Float32Array(memory.buffer, pointer, values.length).set(values);
        return pointer;
      };
      const [x, dy, dx, gain] = [
        place(inputs.x(job)),
        place(inputs.dy(job)),
        place(inputs.x(job)),
        place(inputs.gain(job)),
      ];
      const [dGain, dBias] = [abi.alloc(size * 4), abi.alloc(size * 4)];
      const [means, rstds, columns] = [abi.alloc(rows * 8), abi.alloc(rows * 8), abi.alloc(columnsBytes(size))];
      const stride = size * 4;
      const call = writeCall(memory, abi.alloc(CALL.bytes), {
        ...{ size, eps: EPS, scale: 1, centred: 1, means, rstds, gain, columns: sums ? columns : 0 },
        ...{ x, xStride: stride, dy, dyStride: stride, dx, dxStride: stride },
      });
      abi.statistics(call, 0, rows);
      const columnBytes = new Uint8Array(memory.buffer, columns, columnsBytes(size));
      const run = sums
        ? () => {
            columnBytes.fill(0);
            abi.backward(call, 0, rows);
            abi.columnSums(call, 0, dGain, 0);
            abi.columnSums(call, 1, dBias, 0);
          }
        : () => abi.backward(call, 0, rows);
      const numbers = (pointer: number, length: number) => new Float32Array(memory.buffer, pointer, length).slice();
      return {
        run,
        result() {
          run();
          const all = [numbers(dx, rows * size), numbers(dGain, size), numbers(dBias, size)];
          return sums ? all : all.slice(0, 1);
        },
        free() {},
      };
    },
  };
}
