/** The same bytes, whichever way a batch takes through the kernels; and the bytes that were committed. */
import { readFileSync } from "node:fs";
import { loadSync } from "adanorm";
import { describe, expect, it } from "vitest";
import type { Abi } from "../src/abi.ts";
import { type Digests, digest } from "./digest.ts";
import { expectSameBytes, normal } from "./support.ts";

const committed = JSON.parse(readFileSync(new URL("digest.json", import.meta.url), "utf8")) as Digests;

describe("the digest of all results", () => {
  it("is the committed one for arrays", async () => expect(await digest(loadSync(), "arrays")).toEqual(committed));

  it("is the committed one for matrices", async () => expect(await digest(loadSync(), "matrices")).toEqual(committed));

  it.each([1, 2, 3, 5])("is the committed one for calls of %i rows each", async (rowsInCall) => {
    expect((await digest(loadSync(), { rowsInCall })).rows).toBe(committed.rows);
  });
});

describe("the kernels themselves", () => {
  it("give the same bytes for every tile size", () => {
    const [rows, size] = [50, 37];
    const module = new WebAssembly.Module(readFileSync(new URL("../build/adanorm.wasm", import.meta.url)));
    const memory = new WebAssembly.Memory({ initial: 10 });
    const abi = new WebAssembly.Instance(module, { env: { memory } }).exports as unknown as Abi;
    const place = (values: Float32Array) => {
      const pointer = abi.alloc(values.byteLength);
      new Float32Array(memory.buffer, pointer, values.length).set(values);
      return pointer;
    };
    // Offsets in the third of the rows call for the second pass and the split mean.
    const x = place(normal(rows * size, 1).map((value, i) => value + (i % (3 * size) < size ? 100 : 0)));
    const dy = place(normal(rows * size, 2));
    const gain = place(normal(size, 3));
    const results = [4, 8, 12, 20, 48, 52].map((tile) => {
      const [y, dx] = [abi.alloc(rows * size * 4), abi.alloc(rows * size * 4)];
      const [means, rstds] = [abi.alloc(rows * 8), abi.alloc(rows * 8)];
      const [gainSums, biasSums] = [abi.alloc(size * 8 + 24), abi.alloc(size * 8 + 24)];
      for (const sums of [gainSums, biasSums]) new Float64Array(memory.buffer, sums, size + 3).fill(0);
      for (let row = 0; row < rows; row += tile) {
        const count = Math.min(tile, rows - row);
        const at = (batch: number) => batch + row * size * 4;
        const [m, r] = [means + row * 8, rstds + row * 8];
        abi.affineForward(at(x), gain, 0, at(y), m, r, count, size, true, 1e-5, false, 0);
        abi.affineBackward(
          at(dy),
          at(x),
          gain,
          m,
          r,
          at(dx),
          gainSums,
          biasSums,
          count,
          size,
          1e-5,
          false,
          0,
          false,
          false,
        );
      }
      const f32 = (pointer: number) => new Float32Array(memory.buffer, pointer, rows * size).slice();
      const f64 = (pointer: number) => new Float64Array(memory.buffer, pointer, size).slice();
      return [f32(y), f32(dx), f64(gainSums), f64(biasSums)];
    });
    for (const result of results) {
      for (const [i, one] of result.entries()) expectSameBytes(one, results[0]?.[i] as Float32Array);
    }
  });
});
