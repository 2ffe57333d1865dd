/** How far the job is, on stderr: one line rewritten in place on a terminal, a line now and then elsewhere. */

const ON_TERMINAL = 200;
const ELSEWHERE = 5000;

export function duration(seconds: number): string {
  if (seconds < 90) return `${Math.ceil(seconds)} s`;
  if (seconds < 5400) return `${Math.ceil(seconds / 60)} minutes`;
  return `${(seconds / 3600).toFixed(1)} hours`;
}

export class Progress {
  readonly #started = performance.now();
  readonly #terminal = process.stderr.isTTY;
  #shown = performance.now();

  /** @param expected seconds of the whole job, as estimated before it starts. */
  constructor(readonly expected: number) {}

  /**
   * @param share of the work that is done, 0 to 1.
   * @param always prints a line, even shortly after the last one.
   */
  show(share: number, doing: string, always = false): void {
    const now = performance.now();
    if (!always && now - this.#shown < (this.#terminal ? ON_TERMINAL : ELSEWHERE)) return;
    this.#shown = now;
    const elapsed = (now - this.#started) / 1000;
    // The more is known of the pace, the less the expectation counts.
    const pace = share > 0 ? (elapsed * (1 - share)) / share : 0;
    const trust = Math.min(1, share / 0.1);
    const left = trust * pace + (1 - trust) * this.expected * (1 - share);
    const line = `${String(Math.floor(100 * share)).padStart(3)} %  about ${duration(left)} left  ${doing}`;
    process.stderr.write(this.#terminal ? `\r\x1b[K${line}` : `${line}\n`);
  }

  /** Takes the line away again. */
  end(): void {
    if (this.#terminal) process.stderr.write("\r\x1b[K");
  }
}
