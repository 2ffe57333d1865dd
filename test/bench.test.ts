/** A peer that fails in a benchmark loses its figures of that case: the run goes on. */
import { describe, expect, it } from "vitest";
import type { Case } from "../bench/cases.ts";
import type { Job } from "../bench/job.ts";
import { measure, type PeerEnd } from "../bench/measure.ts";

const JOB: Job = { kind: "forward", norm: "layerNorm", rows: 1, size: 4 };
const ROUNDS = 9;

/** The process of a peer, which fails in what `failsAt` says. */
function peer(failsAt: (request: string, count: number) => boolean = () => false) {
  const counts = new Map<string, number>();
  const end = {
    restarts: 0,
    freed: [] as string[],
    async ask(request: { do: string; id?: string }) {
      const count = (counts.get(request.do) ?? 0) + 1;
      counts.set(request.do, count);
      if (failsAt(request.do, count)) throw new RangeError("out of memory");
      if (request.do === "free") end.freed.push(request.id as string);
      if (request.do === "result") return [Float32Array.of(1, 2)];
      return request.do === "round" ? 100 : undefined;
    },
    async restart() {
      end.restarts += 1;
    },
  };
  return end as typeof end & PeerEnd;
}

const caseOf = (...names: string[]): Case => ({
  id: "a case",
  rows: 1,
  size: 4,
  contenders: names.map((name) => ({ name: `${name} layerNorm`, peer: name, job: JOB })),
  derived: [{ name: "difference", of: "other layerNorm", less: "adanorm layerNorm", by: 1 }],
});

describe("a peer that fails", () => {
  for (const request of ["prepare", "result", "warm", "round"]) {
    it(`at ${request}: the others keep all their rounds`, async () => {
      const [adanorm, failing, after] = [peer(), peer((what) => what === request), peer()];
      const peers = new Map([
        ["adanorm", adanorm],
        ["other", failing],
        ["last", after],
      ]);
      const { series, notes } = await measure(caseOf("adanorm", "other", "last"), peers, ROUNDS);
      expect(Object.keys(series)).toEqual(["adanorm layerNorm", "last layerNorm"]);
      for (const times of Object.values(series)) expect(times).toEqual(new Array(ROUNDS).fill(100));
      expect(notes).toEqual([expect.stringMatching(/^other layerNorm: not (run|measured): out of memory$/)]);
      expect([adanorm, failing, after].map(({ restarts }) => restarts)).toEqual([0, 1, 0]);
      expect(after.freed).toEqual(["last layerNorm"]);
    });
  }

  it("in the middle of the rounds: it has no figures, rather than some", async () => {
    const failing = peer((what, count) => what === "round" && count === 5);
    const peers = new Map([
      ["adanorm", peer()],
      ["other", failing],
    ]);
    const { series, notes } = await measure(caseOf("adanorm", "other"), peers, ROUNDS);
    expect(series).toEqual({ "adanorm layerNorm": new Array(ROUNDS).fill(100) });
    expect(notes).toEqual(["other layerNorm: not measured: out of memory"]);
  });

  it("adanorm itself: the run fails", async () => {
    const peers = new Map([["adanorm", peer((what) => what === "round")]]);
    await expect(measure(caseOf("adanorm"), peers, ROUNDS)).rejects.toThrow("out of memory");
  });
});
