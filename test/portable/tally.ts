/** Runs tests one by one, and notes what they say instead of throwing, so that it can come from a page or a worker. */

export type Test = (name: string, body: () => unknown) => Promise<void>;

export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Error(message);
}

export class Tally {
  passed = 0;
  readonly failed: { name: string; error: string }[] = [];

  /** Runs a test. It never rejects. */
  readonly test: Test = async (name, body) => {
    try {
      await body();
      this.passed += 1;
    } catch (error) {
      this.failed.push({ name, error: String(error) });
    }
  };
}
