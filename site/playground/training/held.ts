/** How throws of the switches are written in an address: `m@120,ms@300,-@350` holds the mean from step 120 on, and so on. */
import { type HeldFrom, MOST_STEPS } from "./session.ts";

export const heldCodec = {
  read(text: string): HeldFrom[] | undefined {
    if (text === "") return [];
    const throws = text.split(",").map((part) => /^(-|ms?|s)@(\d{1,5})$/.exec(part));
    if (throws.some((match) => !match)) return undefined;
    const held = throws.map((match) => {
      const [, what = "", step = ""] = match ?? [];
      return { step: Number(step), detachMean: what.includes("m"), detachStd: what.includes("s") };
    });
    const inOrder = held.every(({ step }, i) => step <= MOST_STEPS && (i === 0 || step > (held[i - 1]?.step ?? 0)));
    return inOrder ? held : undefined;
  },
  write(held: HeldFrom[]): string {
    return held
      .map(({ step, detachMean, detachStd }) => `${(detachMean ? "m" : "") + (detachStd ? "s" : "") || "-"}@${step}`)
      .join(",");
  },
};
