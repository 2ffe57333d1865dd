/** The tab "Look". */
import { assert, type Tally } from "../../../test/portable/tally.ts";
import { button, find, panel, set, textOf, until } from "./document.ts";

const status = () => document.querySelector(".look .status")?.textContent ?? "";
const captions = () =>
  [...document.querySelectorAll(".look .caption")].map(({ textContent }) => textContent).join("\n");

/** The errors that the page names. */
function errors(): { kernels: number; loops: number; onePass: number } {
  const of = (what: RegExp) => Number(what.exec(status().replace(/\s+/g, " "))?.[1]);
  return { kernels: of(/kernels ([\d.e-]+\d)/), loops: of(/loops ([\d.e-]+\d)/), onePass: of(/f32 ([\d.e-]+\d)/) };
}

export async function checkLook({ test }: Tally): Promise<unknown> {
  await panel("look");
  await until("pictures", () => document.querySelectorAll(".look canvas").length === 9);
  await test("every slider changes the pictures", async () => {
    const moves = { rows: 3, size: 9, offset: 8, std: 4, outlier: 20, scale: 2, k: 0.3 };
    for (const [id, value] of Object.entries(moves)) {
      const before = captions();
      set(`#look-${id}`, value);
      await until(`another picture by ${id}`, () => captions() !== before);
    }
  });
  await test("New sample changes the pictures", async () => {
    const before = captions();
    button("New sample").click();
    await until("another picture", () => captions() !== before);
  });
  await test("far from the origin one pass in f32 is wrong; the kernels and plain loops are not", async () => {
    set("#look-std", 0);
    set("#look-offset", 16);
    await until("the errors", () => /offset 10000/.test(status()));
    const { kernels, loops, onePass } = errors();
    // It may be NaN, too.
    assert(kernels < 1e-5 && loops < 1e-5 && !(onePass < 0.01), `${kernels}, ${loops}, ${onePass}`);
  });
  await test("the mean of dL/dx is 0 by LayerNorm, and not by RMSNorm", () => {
    const summary = (title: string) => find(`.look [aria-label^="${title}"]`).getAttribute("aria-label") ?? "";
    const mean = (title: string) => Math.abs(Number(/: mean (-?[\d.e-]+\d)/.exec(summary(title))?.[1]));
    assert(mean("LayerNorm: dL/dx") < 1e-4, summary("LayerNorm: dL/dx"));
    assert(mean("RMSNorm: dL/dx") > 0, summary("RMSNorm: dL/dx"));
  });
  await test("the settings are in the address, Reset takes them out", async () => {
    await until("the address", () => new URLSearchParams(location.search).get("look.offset") === "16");
    button("Reset").click();
    await until("the address", () => !new URLSearchParams(location.search).has("look.offset"));
    assert(textOf("output[for=look-offset]") === "0", "the slider is not back");
  });
  return undefined;
}
