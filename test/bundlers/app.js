/**
 * The application that every bundler builds: a fixed batch through two norms, forward and backward, in every build of the
 * kernels. The result is JSON, so that it can come from a page or a worker.
 */
import { load } from "adanorm";

const ROWS = 9;
const SIZE = 100;

/** Evenly distributed numbers in [-2, 2), by integer arithmetic alone: the same in every engine. */
function numbers(length, seed) {
  let state = (seed * 2654435761 + 1) >>> 0;
  return Float32Array.from({ length }, () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return (state / 2 ** 32) * 4 - 2;
  });
}

/** The input, exported because the test computes the same in another way. */
export const batch = {
  size: SIZE,
  x: numbers(ROWS * SIZE, 1),
  dy: numbers(ROWS * SIZE, 2),
  gain: numbers(SIZE, 3),
  bias: numbers(SIZE, 4),
};

function hex(bytes) {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** FNV-1a, 32 bits. */
function checksum(text) {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193) >>> 0;
  return hash.toString(16).padStart(8, "0");
}

function compute(kernels) {
  const { size, x, dy, gain, bias } = batch;
  const adaNorm = kernels.adaNorm({ size });
  const layerNorm = kernels.layerNorm({ size });
  const params = { gain, bias };
  const ada = adaNorm.forward(x);
  const layer = layerNorm.forward(x, params);
  const results = {
    adaNorm: { ...ada, ...adaNorm.backward(dy, x, ada) },
    layerNorm: { ...layer, ...layerNorm.backward(dy, x, layer, params) },
  };
  const arrays = {};
  for (const [norm, named] of Object.entries(results)) {
    for (const [name, array] of Object.entries(named)) {
      arrays[`${norm} ${name}`] = hex(new Uint8Array(array.buffer, array.byteOffset, array.byteLength));
    }
  }
  const { simd, threads } = kernels;
  return { simd, threads, checksum: checksum(JSON.stringify(arrays)), many: computeMany(kernels), arrays };
}

/** So many rows that threads share them. */
const MANY = 2000;

/** The checksum of y and dx of many rows, in matrices. */
function computeMany(kernels) {
  const norm = kernels.adaNorm({ size: SIZE });
  const [x, dy] = [5, 6].map((seed) => kernels.matrix(numbers(MANY * SIZE, seed), SIZE));
  const { y } = norm.forward(x);
  const { dx } = norm.backward(dy, x);
  return checksum([y, dx].map((matrix) => new Uint32Array(matrix.toArray().buffer).join()).join());
}

/**
 * @param loadByUrl the load of adanorm/url, or undefined if there is none.
 * @returns what each build computes: its bytes in hexadecimal digits by the names of the arrays, and their checksum.
 */
export async function run(loadByUrl) {
  const results = {
    portable: compute(await load()),
    relaxed: compute(await load({ relaxedSimd: true })),
  };
  if (loadByUrl) {
    results.portableByUrl = compute(await loadByUrl({}));
    results.relaxedByUrl = compute(await loadByUrl({ relaxedSimd: true }));
  }
  return results;
}

/**
 * The same with two threads.
 *
 * @param createWorker makes a worker, for bundlers that do not find its file.
 */
export async function runThreads(loadByUrl, createWorker) {
  const results = { threads: compute(await load({ threads: 2, createWorker })) };
  if (loadByUrl) results.threadsByUrl = compute(await loadByUrl({ threads: 2, createWorker }));
  return results;
}
