/** The WebAssembly module itself: its imports, its exports, its size. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { describe, expect, it } from "vitest";
import { enableRelaxedSimd } from "./relaxed-flag.ts";

// Node 20 has relaxed SIMD behind a flag, which must be set before the first module is compiled.
enableRelaxedSimd();

const read = (path: string) => readFileSync(fileURLToPath(new URL(`../${path}`, import.meta.url)));

/** The ids of the binary's sections, in order. */
function sections(binary: Uint8Array): number[] {
  const ids: number[] = [];
  let at = 8; // behind magic and version
  while (at < binary.length) {
    ids.push(binary[at++] as number);
    let length = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = binary[at++] as number;
      length |= (byte & 0x7f) << shift;
      if (byte < 0x80) break;
    }
    at += length;
  }
  return ids;
}

/** The methods of the interface Abi, each with its number of parameters. */
function declared(): Record<string, number> {
  const source = ts.createSourceFile("abi.ts", read("src/abi.ts").toString(), ts.ScriptTarget.ES2022);
  const abi = source.statements.find((one) => ts.isInterfaceDeclaration(one) && one.name.text === "Abi");
  const members = (abi as ts.InterfaceDeclaration).members.filter(ts.isMethodSignature);
  return Object.fromEntries(members.map((one) => [(one.name as ts.Identifier).text, one.parameters.length]));
}

describe.each(["adanorm.wasm", "adanorm.relaxed.wasm", "adanorm.shared.wasm", "adanorm.shared.relaxed.wasm"])(
  "%s",
  (name) => {
    const binary = read(`build/${name}`);
    const module = new WebAssembly.Module(binary);
    const makeMemory = () =>
      new WebAssembly.Memory({ initial: 1, ...(name.includes("shared") && { shared: true, maximum: 65536 }) });

    it("holds no data segment and nothing that runs at the start, so that it can run in the memory of others, and no table", () => {
      const [TABLE, START, DATA, DATA_COUNT] = [4, 8, 11, 12];
      const found = sections(binary);
      expect(found).toContain(10); // the code: the parser works
      for (const id of [TABLE, START, DATA, DATA_COUNT]) expect(found).not.toContain(id);
    });

    it("imports its memory and nothing else", () => {
      expect(WebAssembly.Module.imports(module)).toEqual([{ module: "env", name: "memory", kind: "memory" }]);
    });

    it("exports what the TypeScript interface declares, with as many parameters", () => {
      const memory = makeMemory();
      const { exports } = new WebAssembly.Instance(module, { env: { memory } });
      const arities = Object.entries(exports).map(([key, value]) => [key, (value as () => void).length]);
      expect(Object.fromEntries(arities)).toEqual(declared());
    });

    it("leaves a memory alone until the first allocation", () => {
      const memory = makeMemory();
      const bytes = new Uint8Array(memory.buffer).fill(0xa5);
      new WebAssembly.Instance(module, { env: { memory } });
      expect(bytes.every((byte) => byte === 0xa5)).toBe(true);
    });

    it("takes less than 80 KB", () => expect(binary.length).toBeLessThan(80 * 1024));
  },
);

describe("the bundle", () => {
  it("reads nothing from its host: no import but the other builds and threads, on demand, no eval", () => {
    const text = read("build/index.js").toString();
    const imports = [...text.matchAll(/\bimport\b\s*(?:\(\s*)?["'`]([^"'`]+)/g)].map((match) => match[1]);
    expect(imports).toEqual(["./relaxed.js", "./threads.js", "./shared.js", "./shared-relaxed.js"]);
    expect(text).not.toMatch(/\bfrom\s*["']|\brequire\(|\beval\(|new Function\(/);
  });
});
