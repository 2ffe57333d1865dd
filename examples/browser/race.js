/** Times functions beside each other, in a page or a worker. */

const ROUNDS = 7;
const RUN_MILLISECONDS = 10;
const LOOK_MILLISECONDS = 0.25;

/**
 * Milliseconds of one call, from a run of them with a look at the clock after every few. The clocks of some browsers tick
 * once a millisecond: a run starts with a tick and ends with one.
 */
function timeOf(call, callsPerLook) {
  const before = performance.now();
  let start = before;
  while (start === before) start = performance.now();
  let now = start;
  let calls = 0;
  while (now - start < RUN_MILLISECONDS) {
    for (let i = 0; i < callsPerLook; i++) call();
    calls += callsPerLook;
    now = performance.now();
  }
  return (now - start) / calls;
}

/**
 * Yields the milliseconds of one call of each function, the fastest so far, again and again: other work of the machine
 * can only add to it. The functions take turns, so that such work adds to all of them alike.
 */
export async function* race(functions) {
  const fastest = functions.map((call) => timeOf(call, 1));
  const callsPerLook = fastest.map((time) => Math.max(1, Math.floor(LOOK_MILLISECONDS / time)));
  for (let round = 0; round < ROUNDS; round++) {
    for (const [index, call] of functions.entries()) {
      // Lets the page react between runs.
      await new Promise((resolve) => setTimeout(resolve));
      fastest[index] = Math.min(fastest[index], timeOf(call, callsPerLook[index]));
      yield fastest;
    }
  }
}
