/**
 * The parts of Vitest that the tests use, for mutants. It lists the tests, and worker.ts runs them. Vitest itself takes
 * longer to start than most mutants take to be killed. The matchers and mocks are Vitest's own.
 */
import { format } from "node:util";
import { chai, JestAsymmetricMatchers, JestChaiExpect, JestExtend } from "@vitest/expect";
import { fn, restoreAllMocks, spyOn } from "@vitest/spy";

chai.use(JestExtend);
chai.use(JestChaiExpect);
chai.use(JestAsymmetricMatchers);

export const expect = Object.assign((value: unknown, message?: string) => chai.expect(value, message), {
  fail: (message: string) => chai.expect.fail(message),
});

/** The globals that tests have replaced, as they were. */
const replaced = new Map<string, PropertyDescriptor | undefined>();

export const vi = {
  fn,
  spyOn,
  restoreAllMocks,
  stubGlobal(name: string, value: unknown): void {
    if (!replaced.has(name)) replaced.set(name, Object.getOwnPropertyDescriptor(globalThis, name));
    Object.defineProperty(globalThis, name, { value, writable: true, configurable: true, enumerable: true });
  },
  unstubAllGlobals(): void {
    for (const [name, before] of replaced) {
      if (before) Object.defineProperty(globalThis, name, before);
      else Reflect.deleteProperty(globalThis, name);
    }
    replaced.clear();
  },
};

type Body = (...args: never[]) => unknown;

export interface Suite {
  name: string;
  members: (Suite | Test)[];
  beforeAll: Body[];
  afterAll: Body[];
  beforeEach: Body[];
  afterEach: Body[];
}

export interface Test {
  name: string;
  body: () => unknown;
}

const suite = (name: string): Suite => ({
  name,
  members: [],
  beforeAll: [],
  afterAll: [],
  beforeEach: [],
  afterEach: [],
});

let current = suite("");

/** The tests that a file registers while it is loaded. */
export async function collect(load: () => Promise<unknown>): Promise<Suite> {
  current = suite("");
  await load();
  return current;
}

function addSuite(name: string, body: () => unknown): void {
  const parent = current;
  current = suite(name);
  parent.members.push(current);
  body();
  current = parent;
}

function addTest(name: string, body: () => unknown): void {
  current.members.push({ name, body });
}

/** Registers a test for each line of a table, by `add`. */
function eachOf(add: typeof addTest) {
  return (table: readonly unknown[]) => (name: string, body: Body) => {
    for (const line of table) {
      const args = (Array.isArray(line) ? line : [line]) as never[];
      const first = args[0] as unknown as Record<string, unknown>;
      const filled = name.replace(/\$(\w+)/g, (_, key) => String(first?.[key]));
      // Only as many values as the name has places for.
      const places = filled.match(/%[a-z]/g)?.length ?? 0;
      add(format(filled, ...args.slice(0, places)), () => body(...args));
    }
  };
}

export const describe = Object.assign(addSuite, { each: eachOf(addSuite) });
export const test = Object.assign(addTest, { each: eachOf(addTest) });
export const it = test;
export const beforeAll = (body: Body) => void current.beforeAll.push(body);
export const afterAll = (body: Body) => void current.afterAll.push(body);
export const beforeEach = (body: Body) => void current.beforeEach.push(body);
export const afterEach = (body: Body) => void current.afterEach.push(body);
