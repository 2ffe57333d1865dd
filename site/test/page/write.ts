/** The generator of guide/model: every control, and that a text is what its settings say. */
import { assert, type Tally } from "../../../test/portable/tally.ts";
import { find, press, set, textOf, until } from "./document.ts";

const status = () => textOf(".write .status [role=status]");
const paper = () => find(".write .paper").textContent ?? "";
/** The text behind the prompt. */
const text = () => paper().slice(find<HTMLInputElement>("#write-prompt").value.length);
const isEmpty = () => paper() === "";

/** Writes to the end. */
async function write(): Promise<string> {
  press(".write .main");
  await until("the end of the text", () => status().startsWith("Done"));
  return text();
}

/** Changes a setting: what was written with other settings goes. */
async function change(selector: string, value: string | number): Promise<void> {
  set(selector, value);
  await until(`no text after a change of ${selector}`, () => isEmpty() && status() === "Press Write.");
}

export async function checkWrite({ test }: Tally): Promise<unknown> {
  await until("the generator", () => document.querySelector(".write .main"));
  await test("nothing is written until it is asked for", () => {
    assert(isEmpty() && status() === "Press Write.", `${status()} ${paper()}`);
  });
  set("#write-length", 100);
  await write();
  const first = text();
  await test("a text has the length that was asked for, and follows the prompt", async () => {
    assert(first.length === 100, `${first.length} characters`);
    assert(paper().startsWith("Call me Ishmael."), paper());
    assert(/^Done: 100 characters, [\d.]+ (ms|µs) of computing each\.$/.test(status()), status());
    await change("#write-length", 200);
    const longer = await write();
    assert(longer.length === 200 && longer.startsWith(first), longer);
    await change("#write-length", 100);
  });
  await test("the page sees it grow", async () => {
    press(".write .main");
    const sizes = new Set<number>();
    await until("the end of the text", () => {
      if (!isEmpty()) sizes.add(text().length);
      return status().startsWith("Done");
    });
    assert(sizes.size > 3, `sizes: ${[...sizes].join(", ")}`);
    assert(text() === first, "the same settings give another text");
  });
  await test("ordinary calls give the same text", async () => {
    await change("#write-norms", "ordinary");
    assert((await write()) === first, "it is another text");
    await change("#write-norms", "prepared");
  });
  await test("prompt, seed and temperature give other texts", async () => {
    const texts = new Set([first]);
    await change("#write-temperature", 0);
    texts.add(await write());
    await change("#write-temperature", 0.6);
    await change("#write-prompt", "The whale");
    texts.add(await write());
    assert(paper().startsWith("The whale"), paper());
    find<HTMLButtonElement>(".write button[type=button]").click();
    await until("another seed", () => find<HTMLInputElement>("#write-seed").value === "2");
    texts.add(await write());
    await change("#write-seed", 7);
    texts.add(await write());
    assert(texts.size === 5, `${texts.size} different texts`);
  });
  await test("Stop stops, and what is there stays", async () => {
    await change("#write-length", 2000);
    press(".write .main");
    await until("some of the text", () => text().length > 20);
    assert(textOf(".write .main") === "Stop", "the button does not say Stop");
    press(".write .main");
    await until("the stop", () => status().startsWith("Stopped"));
    const { length } = text();
    await new Promise((resolve) => setTimeout(resolve, 300));
    assert(text().length === length && length < 2000, `${length} characters, and then ${text().length}`);
    assert(status().startsWith(`Stopped: ${length} characters`), status());
  });
  await test("the settings are in the address, and how much is there", async () => {
    const asked = () => new URLSearchParams(location.search);
    await until("the address", () => asked().get("write.shown") === String(text().length));
    const { prompt, seed, length } = Object.fromEntries(
      ["prompt", "seed", "length"].map((name) => [name, asked().get(`write.${name}`)]),
    );
    assert(prompt === "The whale" && seed === "7" && length === "2000", location.search);
  });
  return { link: location.search, shown: paper() };
}

/** A link that somebody sent. */
export async function checkRewritten({ test }: Tally): Promise<unknown> {
  await until("the generator", () => document.querySelector(".write .main"));
  await test("a link writes as much as its sender saw", async () => {
    const shown = new URLSearchParams(location.search).get("write.shown");
    await until("the text", () => status().startsWith(`Done: ${shown} characters`));
  });
  return { shown: paper() };
}
