/** What the checks do with the page: they find, press and wait. */
import { assert } from "../../../test/portable/tally.ts";

const LIMIT_MILLISECONDS = 90_000;

export function find<T extends HTMLElement = HTMLElement>(selector: string): T {
  const found = document.querySelector<T>(selector);
  assert(found !== null, `there is no ${selector}`);
  return found as T;
}

export const textOf = (selector: string): string => find(selector).textContent?.trim().replace(/\s+/g, " ") ?? "";

/** Waits until the condition holds. */
export async function until(what: string, condition: () => unknown): Promise<void> {
  const end = performance.now() + LIMIT_MILLISECONDS;
  while (!condition()) {
    assert(performance.now() < end, `waited in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
}

export function press(selector: string): void {
  const element = find<HTMLButtonElement>(selector);
  assert(!element.disabled, `${selector} is disabled`);
  element.click();
}

/** The button with this text. */
export function button(text: string): HTMLButtonElement {
  const found = [...document.querySelectorAll<HTMLButtonElement>(".playground [role=tabpanel] button")];
  const one = found.find(({ textContent }) => textContent?.trim() === text);
  assert(
    one !== undefined,
    `there is no button "${text}", but ${found.map(({ textContent }) => textContent?.trim()).join(", ")}`,
  );
  return one as HTMLButtonElement;
}

/** Sets a slider, a field or a list, as somebody at the page does. */
export function set(selector: string, value: string | number): void {
  const element = find<HTMLInputElement | HTMLSelectElement>(selector);
  element.value = String(value);
  assert(element.value === String(value), `${selector} does not take ${value}`);
  element.dispatchEvent(new Event("input", { bubbles: true }));
  element.dispatchEvent(new Event("change", { bubbles: true }));
}

/** Lets Vue draw. */
export const drawn = () => new Promise((resolve) => setTimeout(resolve, 50));

/** The tab that the address names, when its part is there. */
export async function panel(tab: string): Promise<void> {
  await until(`the tab ${tab}`, () => document.querySelector(`#panel-${tab}:not([hidden]) .panel`));
}
