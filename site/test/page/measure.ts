/** The tab "Measure". */
import { assert, type Tally } from "../../../test/portable/tally.ts";
import { button, find, panel, set, textOf, until } from "./document.ts";

const rows = () => [...document.querySelectorAll<HTMLTableRowElement>(".measure tbody tr")];
const isDone = () => textOf(".measure .status") === "Done.";

async function measure(): Promise<void> {
  button("Measure").click();
  await until("figures", isDone);
}

/** Whether every line has a time, and an error that rounding explains. */
function assertFigures(): void {
  assert(rows().length === 5, `${rows().length} lines`);
  for (const { cells } of rows()) {
    const [name, time, speed, error] = [...cells].map(({ textContent }) => textContent?.trim() ?? "");
    const isMissing = cells.length === 2;
    if (isMissing) assert(/^not written/.test(time ?? ""), `${name}: ${time}`);
    else
      assert(
        /^[\d.e+]+ (ns|µs|ms)$/.test(time ?? "") && /(×|^–)$/.test(speed ?? "") && Number(error) < 1e-5,
        `${name}: ${time} ${speed} ${error}`,
      );
  }
}

/** Threads, in a page that is isolated or is not. */
async function checkThreads({ test }: Pick<Tally, "test">): Promise<void> {
  await test("threads are there where the page is isolated, and are not offered elsewhere", async () => {
    const two = find<HTMLOptionElement>("#measure-threads option:nth-of-type(2)");
    const isThere = crossOriginIsolated && navigator.hardwareConcurrency > 1;
    assert(two.disabled === !isThere, `two threads are ${two.disabled ? "not " : ""}offered`);
    if (!isThere) return;
    set("#measure-threads", 2);
    set("#measure-norm", "layerNorm");
    set("#measure-direction", "forward");
    await measure();
    assertFigures();
    assert(find<HTMLTextAreaElement>(".measure textarea").value.includes("threads 2"), "there were no two threads");
  });
}

/** In an isolated page everything but the threads is as elsewhere. */
export async function checkIsolated({ test }: Tally): Promise<unknown> {
  await panel("measure");
  set("#measure-size", 64);
  await checkThreads({ test });
  await test("the page is isolated", () => assert(crossOriginIsolated, "it is not"));
  return undefined;
}

export async function checkMeasure({ test }: Tally): Promise<unknown> {
  await panel("measure");
  await test("it measures small batches", async () => {
    set("#measure-rows", 8);
    set("#measure-size", 64);
    await measure();
    assertFigures();
  });
  await test("other settings remove the figures, and give others", async () => {
    set("#measure-direction", "backward");
    await until("no figures", () => rows().length === 1);
    await measure();
    assertFigures();
    set("#measure-norm", "rmsNorm");
    await until("no figures", () => rows().length === 1);
    await measure();
    assertFigures();
  });
  await test("the figures are there as text, with all digits", () => {
    const lines = find<HTMLTextAreaElement>(".measure textarea").value.split("\n");
    assert(lines.length === 8 && lines[0]?.includes("rmsNorm, backward, 8 x 64") === true, lines.join("; "));
    assert(/^adanorm, matrices\t[\d.e-]{6,}\t[\d.e-]+$/.test(lines[3] ?? ""), String(lines[3]));
    button("Copy figures").click();
  });
  await test("Stop stops", async () => {
    set("#measure-rows", 1024);
    await until("no figures", () => rows().length === 1);
    button("Measure").click();
    await until("the first line", () => rows().length > 1);
    button("Stop").click();
    await until("the stop", () => textOf(".measure .status") === "Stopped.");
  });
  await checkThreads({ test });
  await test("the settings are in the address", async () => {
    await until("the address", () => new URLSearchParams(location.search).get("measure.rows") === null);
    assert(new URLSearchParams(location.search).get("measure.size") === "64", location.search);
  });
  return undefined;
}
