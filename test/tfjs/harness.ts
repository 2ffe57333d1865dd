/** Runs tests in sequence, in Node and on pages, and reports instead of throwing. */
import * as tf from "@tensorflow/tfjs-core";

export interface Report {
  passed: number;
  failed: { name: string; error: string }[];
}

type Test = () => void | Promise<void>;

/** Where a subject registers its tests. */
export type Define = (name: string, test: Test) => void;

/** Runs a test, which must leave as many tensors as it found. */
export async function runTest(test: Test): Promise<void> {
  const { numTensors } = tf.memory();
  tf.engine().startScope();
  try {
    await test();
  } finally {
    tf.engine().endScope();
  }
  const left = tf.memory().numTensors - numTensors;
  assert(left === 0, `${left} tensors were left behind`);
}

/** Runs the tests of some subjects. */
export async function runTests(where: string, subjects: ((define: Define) => void)[]): Promise<Report> {
  const tests: [name: string, test: Test][] = [];
  for (const subject of subjects) subject((name, test) => tests.push([name, test]));
  const report: Report = { passed: 0, failed: [] };
  for (const [name, test] of tests) {
    try {
      await runTest(test);
      report.passed += 1;
    } catch (error) {
      report.failed.push({ name: `${where}: ${name}`, error: error instanceof Error ? error.message : String(error) });
    }
  }
  return report;
}

export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Error(message);
}

export function assertEqual(actual: unknown, expected: unknown, what: string): void {
  const [a, b] = [JSON.stringify(actual), JSON.stringify(expected)];
  assert(a === b, `${what}: ${a}, not ${b}`);
}

/** Fails unless the largest difference is small beside the largest number. */
export function assertNear(actual: tf.Tensor, expected: tf.Tensor, tolerance: number, what: string): void {
  assertEqual(actual.shape, expected.shape, `${what}: shape`);
  assertEqual(actual.dtype, "float32", `${what}: dtype`);
  assertNearNumbers(actual.dataSync(), expected.dataSync(), tolerance, what);
}

export function assertNearNumbers(a: ArrayLike<number>, b: ArrayLike<number>, tolerance: number, what: string): void {
  assertEqual(a.length, b.length, `${what}: length`);
  let [difference, largest] = [0, 0];
  for (let i = 0; i < b.length; i++) {
    const [one, other] = [a[i] as number, b[i] as number];
    assert(Number.isFinite(one) && Number.isFinite(other), `${what}: ${one} where ${other} is expected`);
    difference = Math.max(difference, Math.abs(one - other));
    largest = Math.max(largest, Math.abs(other));
  }
  assert(difference <= tolerance * largest, `${what}: ${difference} off, the largest being ${largest}`);
}

export function assertThrows(run: () => unknown, kind: typeof TypeError | typeof RangeError, message: string): void {
  try {
    run();
  } catch (error) {
    assert(error instanceof kind && error.message === message, `threw ${error}, not ${kind.name}: ${message}`);
    return;
  }
  throw new Error(`expected ${kind.name}: ${message}, nothing was thrown`);
}
