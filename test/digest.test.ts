/** The same bytes by every route through the kernels, equal to the committed digests. */
import { readFileSync } from "node:fs";
import { instantiateSync } from "@assemblyscript/loader";
import { loadSync } from "adanorm";
import { describe, expect, it } from "vitest";
import { type Abi, columnsBytes } from "../src/abi.ts";
import { CALL } from "../src/layout.ts";
import { writeCall } from "./call.ts";
import { type Digests, digest } from "./digest.ts";
import { expectSameBytes, normal } from "./support.ts";

const committed = JSON.parse(readFileSync(new URL("digest.json", import.meta.url), "utf8")) as Digests;

describe("the digest of all results", () => {
  it.each(["arrays", "matrices", "strided arrays", "strided matrices"] as const)(
    "is the committed one for %s",
    async (route) => expect(await digest(loadSync(), route)).toEqual(committed),
  );

  it.each([1, 2, 3, 5])("is the committed one for calls of %i rows each", async (rowsInCall) => {
    const { rows, stored, bytes } = await digest(loadSync(), { rowsInCall });
    expect({ rows, stored, bytes }).toEqual({ rows: committed.rows, stored: committed.stored, bytes: committed.bytes });
  });
});

describe("the kernels themselves", () => {
  // One of them is too short for f32; neither fills vectors.
  it.each([37, 150])("give the same bytes for every tile size, with rows of %i", (size) => {
    const rows = 50;
    const stride = size * 4;
    const bytes = readFileSync(new URL("../build/adanorm.wasm", import.meta.url));
    const memory = new WebAssembly.Memory({ initial: 40 });
    const { exports: abi } = instantiateSync<Abi & Record<string, unknown>>(bytes, { env: { memory } });
    const place = (values: Float32Array) => {
      const pointer = abi.alloc(values.byteLength);
      new Float32Array(memory.buffer, pointer, values.length).set(values);
      return pointer;
    };
    // Offsets in the third of the rows call for the second pass and the split mean.
    const x = place(normal(rows * size, 1).map((value, i) => value + (i % (3 * size) < size ? 100 : 0)));
    const dy = place(normal(rows * size, 2));
    const gain = place(normal(size, 3));
    const results = [2, 4, 6, 16, 18, 20, 48, 52].map((tile) => {
      const [y, dx] = [abi.alloc(rows * size * 4), abi.alloc(rows * size * 4)];
      const [means, rstds] = [abi.alloc(rows * 8), abi.alloc(rows * 8)];
      const columns = abi.alloc(columnsBytes(size));
      new Uint8Array(memory.buffer, columns, columnsBytes(size)).fill(0);
      const call = writeCall(memory, abi.alloc(CALL.bytes), {
        ...{ x, xStride: stride, y, yStride: stride, dy, dyStride: stride, dx, dxStride: stride },
        ...{ gain, means, rstds, columns, size, eps: 1e-5, centred: 1 },
      });
      for (let row = 0; row < rows; row += tile) {
        const count = Math.min(tile, rows - row);
        abi.forward(call, row, count);
        abi.backward(call, row, count);
      }
      const f32 = (pointer: number, length = rows * size) => new Float32Array(memory.buffer, pointer, length).slice();
      const dGain = abi.alloc(size * 4);
      const dBias = abi.alloc(size * 4);
      abi.columnSums(call, 0, dGain, 0);
      abi.columnSums(call, 1, dBias, 0);
      return [f32(y), f32(dx), f32(dGain, size), f32(dBias, size)];
    });
    for (const result of results) {
      for (const [i, one] of result.entries()) expectSameBytes(one, results[0]?.[i] as Float32Array);
    }
  });
});
