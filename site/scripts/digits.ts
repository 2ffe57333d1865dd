/**
 * Writes the digits that the playground trains on: the first of MNIST's training digits and of its test digits. The file is
 * compressed, because not every host compresses files of an unknown type.
 *
 * Its bytes: all pixels, digit after digit, then all labels.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { PIXELS } from "../../examples/digits/digits.ts";
import { readMnist } from "../../examples/digits/mnist.ts";
import { TEST_DIGITS, TRAINING_DIGITS } from "../playground/training/digits.ts";

export function writeDigits(): void {
  const { train, test } = readMnist();
  const parts = [
    train.pixels.subarray(0, TRAINING_DIGITS * PIXELS),
    test.pixels.subarray(0, TEST_DIGITS * PIXELS),
    train.labels.subarray(0, TRAINING_DIGITS),
    test.labels.subarray(0, TEST_DIGITS),
  ];
  const file = fileURLToPath(new URL("../public/digits.bin", import.meta.url));
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, gzipSync(Buffer.concat(parts), { level: 9 }));
}
