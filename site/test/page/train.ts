/** The tab "Train": every control, and what it is for. */
import { assert, type Tally } from "../../../test/portable/tally.ts";
import { button, drawn, find, panel, press, set, textOf, until } from "./document.ts";

const step = () => Number(/\d+/.exec(textOf(".train .count"))?.[0]);
const cell = (network: string, column: number) => textOf(`[data-network="${network}"] td:nth-of-type(${column})`);
const [LOSS, ACCURACY, MEAN, MEAN_THEOREM, VARIANCE, VARIANCE_THEOREM, OBEYS] = [1, 2, 3, 4, 5, 6, 7] as const;
const number = (network: string, column: number) => Number.parseFloat(cell(network, column));

/** What a link must show again. */
export const table = () => [...document.querySelectorAll(".train tbody tr")].map(({ textContent }) => textContent);

async function pause(): Promise<void> {
  button("Pause").click();
  await until("the pause", () => textOf(".train [role=status]").startsWith("Paused"));
}

export async function checkTrain({ test }: Tally): Promise<unknown> {
  await panel("train");
  let firstLoss = 0;
  await test("Start trains: the loss falls, and digits become known", async () => {
    button("Start").click();
    await until("a first loss", () => number("layerNorm", LOSS) > 0);
    firstLoss = number("layerNorm", LOSS);
    await until("150 steps", () => step() >= 150);
    const [loss, accuracy] = [number("layerNorm", LOSS), number("layerNorm", ACCURACY)];
    assert(loss < 0.7 * firstLoss, `the loss was ${firstLoss} and is ${loss}`);
    assert(accuracy > 40, `${accuracy} % are right`);
  });
  await test("Pause stops, Step makes one step", async () => {
    await pause();
    const before = step();
    await new Promise((resolve) => setTimeout(resolve, 400));
    assert(step() === before, `${step()} steps, not ${before}`);
    button("Step").click();
    await until("one step", () => step() === before + 1);
  });
  await test("as the theorem says, the mean of dL/dx is 0 and its variance is less, in all rows", () => {
    assert(number("layerNorm", MEAN) < 1e-5, `mean: ${cell("layerNorm", MEAN)}`);
    assert(number("layerNorm", VARIANCE) < 1, `variance: ${cell("layerNorm", VARIANCE)}`);
    for (const network of ["layerNorm", "adaNorm", "detachNorm"]) {
      const [, rows, of] = /^(\d+) of (\d+)$/.exec(cell(network, OBEYS)) ?? [];
      assert(rows === of && Number(of) > 100, `${network}: ${cell(network, OBEYS)}`);
    }
    assert(cell("layerNorm", MEAN_THEOREM) === "0" && cell("layerNorm", VARIANCE_THEOREM) === "≤ 1", "the theorem");
    assert(number("detachNorm", MEAN) > 0.999, `DetachNorm: ${cell("detachNorm", MEAN)}`);
  });
  await test("the switches break it, each its part, and let it go again", async () => {
    const isBroken = () => find(".train .verdict").classList.contains("broken");
    assert(!isBroken(), "it is broken before");
    press("[name=hold-mean]");
    await until("the mean is kept", () => number("layerNorm", MEAN) > 0.999);
    assert(isBroken() && cell("layerNorm", MEAN_THEOREM) === "1", "the page does not say so");
    assert(cell("layerNorm", VARIANCE_THEOREM) === "≤ 1", "the variance is not held");
    press("[name=hold-std]");
    await until("the variance is kept", () => cell("layerNorm", VARIANCE) === "1.00000");
    press("[name=hold-mean]");
    await until("the mean is 0 again", () => number("layerNorm", MEAN) < 1e-5);
    assert(cell("layerNorm", VARIANCE) === "1.00000", "the std is not held any more");
    const [, rows, of] = /^(\d+) of (\d+)$/.exec(cell("layerNorm", OBEYS)) ?? [];
    assert(rows === of, `rows that obey: ${cell("layerNorm", OBEYS)}`);
  });
  await test("networks can be chosen, all but the last be left out", async () => {
    const rows = () => document.querySelectorAll(".train tbody tr").length;
    press("[name=net-l2Norm]");
    await until("another network", () => rows() === 6);
    for (const name of ["l2Norm", "none", "detachNorm", "adaNorm", "rmsNorm", "layerNorm"]) {
      press(`[name=net-${name}]`);
      await drawn();
    }
    assert(rows() === 1 && find<HTMLInputElement>("[name=net-layerNorm]").checked, `${rows()} networks are left`);
    press("[name=net-layerNormSimple]");
    press("[name=net-none]");
    await until("three networks", () => rows() === 3);
  });
  await test("layers, learning rate and seed begin again", async () => {
    set("#train-depth", 4);
    await until("the first step", () => step() === 0);
    assert(textOf("output[for=train-depth]") === "4", "the slider does not say 4");
    button("Step").click();
    await until("step 1", () => step() === 1);
    const loss = cell("layerNorm", LOSS);
    set("#train-rate", "0.1");
    await until("the first step", () => step() === 0);
    button("Step").click();
    await until("step 1", () => step() === 1);
    assert(cell("layerNorm", LOSS) === loss, "the loss before the first change of the weights depends on the rate");
    button("Next seed").click();
    await until("the first step", () => step() === 0);
    assert(find<HTMLInputElement>("#train-seed").value === "2", "the next seed is not 2");
    button("Step").click();
    await until("step 1", () => step() === 1);
    assert(cell("layerNorm", LOSS) !== loss, "another seed gives the same loss");
    set("#train-seed", 7);
    await until("the first step", () => step() === 0);
  });
  await test("Restart begins again, and keeps the switches", async () => {
    button("Start").click();
    await until("20 steps", () => step() >= 20);
    await pause();
    button("Restart").click();
    await until("the first step", () => step() === 0);
    assert(find<HTMLInputElement>("[name=hold-std]").checked, "the switch is not on any more");
  });
  await test("a switch that is thrown during the training is in the address, and the step too", async () => {
    button("Start").click();
    await until("40 steps", () => step() >= 40);
    press("[name=hold-std]");
    await until("60 steps", () => step() >= 60);
    await pause();
    button("Copy link").click();
    await until("the address", () => new URLSearchParams(location.search).get("train.steps") === String(step()));
    const asked = new URLSearchParams(location.search);
    assert(/^s@0,-@\d+$/.test(asked.get("train.held") ?? ""), `train.held is ${asked.get("train.held")}`);
    assert(asked.get("train.depth") === "4" && asked.get("train.seed") === "7", location.search);
  });
  return { link: location.search, table: table() };
}

/** A link that somebody sent: what its sender saw must be here too. */
export async function checkReopened({ test }: Tally): Promise<unknown> {
  await panel("train");
  await test("a link trains to the step where its sender was, and rests there", async () => {
    const asked = Number(new URLSearchParams(location.search).get("train.steps"));
    await until("the step", () => step() === asked && textOf(".train [role=status]").startsWith("Paused"));
  });
  return { table: table() };
}
