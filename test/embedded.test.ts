/** Modules as text in the bundles: the text gives the bytes back, and is safe wherever a bundle may stand. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { encode } from "../scripts/embed.js";
import { ALPHABET, decode } from "../src/embedded.ts";
import { random } from "./support.ts";

const module = readFileSync(new URL("../build/adanorm.wasm", import.meta.url));

test.each([
  ["the module", module],
  ["all bytes", Uint8Array.from({ length: 256 }, (_, i) => i)],
  ["random bytes", Uint8Array.from({ length: 5000 }, random(1)).map((_, i) => Math.floor(random(i)() * 256))],
  ["one byte", Uint8Array.of(255)],
  ["nothing", new Uint8Array(0)],
])("%s comes back from its text", (_, bytes) => {
  expect(Buffer.from(decode(encode(bytes, ALPHABET))).equals(Buffer.from(bytes))).toBe(true);
});

test("the text needs no escape in a script, in a template or in a page", () => {
  expect(encode(module, ALPHABET)).toMatch(/^[!-~]+$/);
  expect(encode(module, ALPHABET)).not.toMatch(/["`$<\\]/);
});

test("the text takes less room than base64, and much less where it is compressed", () => {
  expect(encode(module, ALPHABET).length).toBeLessThan(module.toString("base64").length);
});
