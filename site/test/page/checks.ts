/** What runs in a page that was opened with `?checks=`: the checks of that name. They send their report to the server. */
import axe from "axe-core";
import { assert, Tally } from "../../../test/portable/tally.ts";
import type { Report } from "../server.ts";
import { drawn, find, until } from "./document.ts";
import { checkLook } from "./look.ts";
import { checkIsolated, checkMeasure } from "./measure.ts";
import { checkReopened, checkTrain } from "./train.ts";
import { checkRewritten, checkWrite } from "./write.ts";

const violations: string[] = [];
addEventListener("securitypolicyviolation", ({ effectiveDirective, blockedURI, sourceFile }) => {
  // A check below tries to evaluate a string, to see that the policy is in force.
  if (blockedURI !== "eval") violations.push(`${effectiveDirective} ${blockedURI} ${sourceFile}`);
});

/** What goes wrong in the page. Not every driver is told what is in the console. */
const errors: string[] = [];
addEventListener("error", ({ message }) => errors.push(message));
addEventListener("unhandledrejection", ({ reason }) => errors.push(String(reason)));
const { error: writeError } = console;
console.error = (...values: unknown[]) => {
  errors.push(values.map(String).join(" "));
  writeError(...values);
};

/** Whether everybody can read and use the page, in both themes. */
async function checkAccess({ test }: Tally): Promise<void> {
  for (const theme of ["light", "dark"]) {
    await test(`axe finds nothing, in the ${theme} theme`, async () => {
      const isDark = () => document.documentElement.classList.contains("dark");
      if (isDark() !== (theme === "dark")) find(".VPSwitchAppearance").click();
      await until(theme, () => isDark() === (theme === "dark"));
      await drawn();
      await until("the end of all transitions", () =>
        document.getAnimations().every((animation) => !(animation instanceof CSSTransition)),
      );
      const found = await axe.run(document, { resultTypes: ["violations"] });
      const lines = found.violations.map(
        ({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 160)).join(" | ")}`,
      );
      assert(lines.length === 0, lines.join("\n"));
    });
  }
}

/** Arrows move between the tabs, and each names its part. */
async function checkTabs({ test }: Tally): Promise<undefined> {
  await test("arrows, Home and End move between the tabs", async () => {
    await until("tabs", () => document.querySelector("[role=tablist]"));
    find("#tab-train").focus();
    for (const [key, tab] of [
      ["ArrowRight", "look"],
      ["ArrowRight", "measure"],
      ["ArrowRight", "train"],
      ["End", "measure"],
      ["Home", "train"],
      ["ArrowLeft", "measure"],
    ]) {
      document.activeElement?.dispatchEvent(new KeyboardEvent("keydown", { key: key as string, bubbles: true }));
      await drawn();
      assert(
        document.activeElement?.id === `tab-${tab}`,
        `${key} leads to ${document.activeElement?.id}, not to ${tab}`,
      );
      assert(find(`#panel-${tab}`).hidden === false, `the part ${tab} is hidden`);
    }
    await until("the address", () => new URLSearchParams(location.search).get("tab") === "measure");
  });
  return undefined;
}

/** Only that the page is there. */
async function checkPage({ test }: Tally): Promise<undefined> {
  // What it weighs is known when all of it is there.
  if (document.querySelector(".front"))
    await until("the playground", () => document.querySelector(".playground .panel"));
  await test("the page has a heading and its policy", () => {
    assert(find("h1").textContent !== "", "the heading is empty");
    const policy = find<HTMLMetaElement>("meta[http-equiv=Content-Security-Policy]").content;
    assert(/script-src 'self' 'wasm-unsafe-eval' 'sha256-/.test(policy) && !policy.includes("unsafe-inline"), policy);
    let isEvaluated = true;
    try {
      new Function("");
    } catch {
      isEvaluated = false;
    }
    assert(!isEvaluated, "eval is allowed");
  });
  return undefined;
}

/** The search knows the documents, and the reference of the API. */
async function checkSearch({ test }: Tally): Promise<undefined> {
  await test("the search finds documents and the API", async () => {
    await until("the field", () => {
      // A click before Vue has taken over the page would be lost.
      if (!document.querySelector(".VPLocalSearchBox")) find(".VPNavBarSearch button").click();
      return document.querySelector("#localsearch-input");
    });
    const field = find<HTMLInputElement>("#localsearch-input");
    for (const [words, page] of [
      ["rowStride", "/api/"],
      ["Matryoshka", "/embeddings.html"],
    ]) {
      field.value = words as string;
      field.dispatchEvent(new Event("input", { bubbles: true }));
      await until(`a result for ${words} in ${page}`, () =>
        [...document.querySelectorAll<HTMLAnchorElement>(".VPLocalSearchBox a.result")].some(({ href }) =>
          href.includes(page as string),
        ),
      );
    }
  });
  // The box is VitePress's own: a button with a field in it, which axe objects to. The page behind it is ours.
  find(".VPLocalSearchBox .back-button").click();
  await until("the end of the search", () => !document.querySelector(".VPLocalSearchBox"));
  return undefined;
}

const CHECKS: Record<string, (tally: Tally) => Promise<unknown>> = {
  page: checkPage,
  search: checkSearch,
  tabs: checkTabs,
  train: checkTrain,
  reopened: checkReopened,
  look: checkLook,
  measure: checkMeasure,
  isolated: checkIsolated,
  write: checkWrite,
  rewritten: checkRewritten,
};

async function run(): Promise<Report> {
  const tally = new Tally();
  const name = new URLSearchParams(location.search).get("checks") ?? "";
  const seen = await CHECKS[name]?.(tally).catch((error) => {
    tally.failed.push({ name: "the checks", error: String(error) });
  });
  await checkAccess(tally);
  await tally.test("nothing was tried that the policy forbids", () =>
    assert(violations.length === 0, violations.join("\n")),
  );
  await tally.test("nothing went wrong in the page", () => assert(errors.length === 0, errors.join("\n")));
  // The next page has the theme of the system again.
  localStorage.clear();
  return { passed: tally.passed, failed: tally.failed, seen };
}

run()
  .catch((error): Report => ({ passed: 0, failed: [{ name: "the checks", error: String(error) }] }))
  .then((report) => fetch("./report", { method: "POST", body: JSON.stringify(report) }));
