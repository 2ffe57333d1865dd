/** The playground by keyboard, with less motion, and in pictures: what only drivers with hands can do. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Browser, Hands } from "../../test/browsers/driver.ts";
import type { Tally } from "../../test/portable/tally.ts";
import type { SiteServer } from "./server.ts";

const LIMIT_S = 60;
const SIZE = { width: 1280, height: 900 };

async function until(hands: Hands, condition: string): Promise<void> {
  const end = performance.now() + LIMIT_S * 1000;
  while (!(await hands.evaluate<boolean>(`Boolean(${condition})`).catch(() => false))) {
    assert.ok(performance.now() < end, `waited in vain: ${condition}`);
    await delay(50);
  }
}

/** Presses Tab until the element has the focus. */
async function tabTo(hands: Hands, selector: string): Promise<void> {
  for (let presses = 0; presses < 60; presses++) {
    if (await hands.evaluate<boolean>(`document.activeElement?.matches(${JSON.stringify(selector)}) ?? false`)) return;
    await hands.press("Tab");
  }
  assert.fail(`Tab does not lead to ${selector}`);
}

/** What the generator says of its text. */
const WRITTEN = "document.querySelector('.write .status [role=status]').textContent";

const STEP = "Number(/\\d+/.exec(document.querySelector('.train .count')?.textContent ?? '')?.[0] ?? -1)";

export async function checkHands(browser: Browser, hands: Hands, server: SiteServer, { test }: Tally): Promise<void> {
  await test("by keyboard alone, a network is trained, a switch thrown and another tab opened", async () => {
    await hands.arrange({ ...SIZE, theme: "light" });
    await browser.open(server.url);
    await until(hands, "document.querySelector('.train .main')");
    await tabTo(hands, "#tab-train");
    await tabTo(hands, ".train .main");
    const outline = await hands.evaluate<string>("getComputedStyle(document.activeElement).outlineStyle");
    assert.equal(outline, "solid", "the focus is not seen");
    await hands.press("Enter");
    await until(hands, `${STEP} > 10`);
    await tabTo(hands, "[name=hold-mean]");
    await hands.press(" ");
    await until(hands, "document.querySelector('.verdict.broken')");
    await tabTo(hands, "#train-depth");
    await hands.press("ArrowRight");
    await until(hands, "document.querySelector('output[for=train-depth]').textContent === '13'");
    await hands.evaluate("document.querySelector('#tab-train').focus()");
    await hands.press("ArrowRight");
    await until(hands, "document.querySelector('.look canvas')");
  });
  await hands.arrange({ ...SIZE, theme: "light", calm: true });
  if (!(await hands.evaluate<boolean>("matchMedia('(prefers-reduced-motion: reduce)').matches"))) {
    console.log("    not run: less motion, which the driver of this browser cannot ask for");
    return;
  }
  await test("those who want less motion see fewer pictures", async () => {
    await browser.open(server.url);
    await until(hands, "document.querySelector('.train .main')");
    await hands.evaluate("document.querySelector('.train .main').click()");
    await until(hands, `${STEP} > 0`);
    const changes = await hands.evaluate<number>(`new Promise((resolve) => {
      let changes = 0;
      const observer = new MutationObserver(() => { changes += 1; });
      observer.observe(document.querySelector(".train .count"), { subtree: true, characterData: true, childList: true });
      setTimeout(() => { observer.disconnect(); resolve(changes); }, 4000);
    })`);
    assert.ok(changes >= 1 && changes <= 3, `${changes} pictures in 4 s`);
  });
  await test("they see a text at once, instead of growing", async () => {
    await browser.open(`${server.url}guide/model.html`);
    await until(hands, "document.querySelector('.write .main')");
    await hands.evaluate(`{
      window.sizes = new Set();
      const paper = document.querySelector(".paper");
      new MutationObserver(() => window.sizes.add(paper.textContent.length)).observe(paper, { subtree: true, characterData: true, childList: true });
      document.querySelector(".write .main").click();
    }`);
    await until(hands, `${WRITTEN}.startsWith('Done')`);
    const sizes = await hands.evaluate<number>("window.sizes.size");
    // The prompt alone, some of the text if the machine is slow, and all of it.
    assert.ok(sizes <= 4, `${sizes} pictures of the text`);
  });
  await hands.arrange({ ...SIZE, theme: "light" });
}

/** What is looked at, and what is done before the picture is taken: `script`, when the page has what `script` needs. */
const VIEWS: [name: string, path: string, script: string, ready: string, needs?: string][] = [
  ["front", "", "0", "document.querySelector('.train .main')"],
  [
    "training",
    "",
    "document.querySelector('.train .main').click()",
    `${STEP} > 150 && document.querySelector('.train .main').click() === undefined`,
  ],
  ["held", "?train.held=m@0&train.steps=60", "0", `${STEP} === 60`],
  ["look", "?tab=look&look.offset=14", "0", "document.querySelectorAll('.look canvas').length === 9"],
  [
    "measure",
    "?tab=measure&measure.rows=32",
    "document.querySelector('.measure .main').click()",
    "document.querySelector('.measure .status').textContent.trim() === 'Done.'",
  ],
  [
    "model",
    "guide/model.html",
    "document.querySelector('.write .main').click()",
    `${WRITTEN}.startsWith('Done')`,
    ".write .main",
  ],
  ["guide", "guide/first-call.html", "0", "document.querySelector('h1')"],
  ["document", "docs/reproduction.html", "0", "document.querySelector('h1')"],
  ["api", "api/adanorm/interfaces/Norm.html", "0", "document.querySelector('h1')"],
];

/** Pictures of the pages, for somebody to look at. */
export async function takePictures(browser: Browser, hands: Hands, server: SiteServer, folder: string): Promise<void> {
  for (const width of [1280, 390]) {
    for (const theme of ["light", "dark"] as const) {
      for (const [name, path, script, ready, needs = ".playground .panel, .vp-doc h1"] of VIEWS) {
        await hands.arrange({ width, height: width === 390 ? 844 : 900, theme });
        await browser.open(server.url + path);
        await until(hands, `document.readyState === 'complete' && document.querySelector('${needs}')`);
        await hands.evaluate(script);
        await until(hands, ready);
        await delay(250);
        // Of long texts the beginning says enough.
        await hands.picture(join(folder, `${name}-${width}-${theme}.png`), !path.endsWith(".html"));
      }
    }
  }
}
