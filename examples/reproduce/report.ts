/** The figures in words and tables, as Markdown: for the terminal, a file, and the documentation. */
import { markdownTable } from "../../scripts/markdown.ts";
import { CONTENDERS, type NormName } from "./contenders.ts";
import type { Machine } from "./machine.ts";
import { type Claim, PAPER, type PaperTask } from "./paper.ts";
import type { Plan, Scale, TaskName } from "./plans.ts";
import { duration } from "./progress.ts";
import { type Comparison, METRICS, type Spread, type Summary, type Verdict } from "./summary.ts";

export interface Report {
  scale: Scale;
  tasks: readonly TaskName[];
  norms: readonly NormName[];
  plans: Record<TaskName, Plan>;
  seeds: number;
  summary: Summary;
  machine: Machine;
  /** Of all runs, in seconds of one process. */
  seconds: number;
  command: string;
}

const titleOf = (norm: NormName) => CONTENDERS[norm].title;

function signed(value: number, digits: number): string {
  return `${value < 0 ? "" : "+"}${value.toFixed(digits)}`;
}

/** mean ± deviation; without the deviation if there is one seed only. */
function spread({ mean, deviation }: Spread, digits: number, sign = false): string {
  const figure = sign ? signed(mean, digits) : mean.toFixed(digits);
  return deviation === undefined ? figure : `${figure} ± ${deviation.toFixed(digits)}`;
}

/** Every norm in every task. The paper's figures follow those of the task that replaces theirs. */
export function resultTable({ tasks, norms, summary, seeds }: Report): string {
  const head = tasks.flatMap((task) => {
    const { title, unit, paper } = METRICS[task];
    const ours = `${title}, ${unit}`;
    return paper ? [ours, `paper: ${paper}`] : [ours];
  });
  const lines = norms.map((norm) => [
    titleOf(norm),
    ...tasks.flatMap((task) => {
      const { digits, paper } = METRICS[task];
      const cell = summary.cells.find((one) => one.task === task && one.norm === norm);
      const figure = cell?.metric ? spread(cell.metric, digits) : "-";
      const ours = cell?.diverged ? `${figure} (${cell.diverged} of ${seeds} diverged)` : figure;
      return paper ? [ours, cell?.paper?.toFixed(2) ?? "-"] : [ours];
    }),
  ]);
  return markdownTable(["", ...head], lines, (column) => column > 0);
}

const WORDS: Record<Verdict, string> = { yes: "reproduces", reversed: "the reverse", undecided: "undecided" };

function outcome({ task, difference, inFavour, verdict }: Comparison): string {
  const figure = spread(difference, METRICS[task].digits, true);
  return `${WORDS[verdict]}: ${figure} (${inFavour} of ${difference.count})`;
}

/** By how much the paper's own figures support its claim. */
function published({ better, worse }: Claim, task: PaperTask): string {
  const [more, less] = [PAPER[task][better], PAPER[task][worse]];
  return more === undefined || less === undefined ? "-" : signed(more - less, 2);
}

/** The paper's claims, and the results. The paper's figures follow those of the task that replaces theirs. */
export function claimTable({ tasks, summary }: Report): string {
  const claims = [...new Set(summary.comparisons.map(({ claim }) => claim))];
  const head = tasks.flatMap((task) => {
    const { title, paper } = METRICS[task];
    return paper ? [title, `paper: ${paper}`] : [title];
  });
  const lines = claims.map((claim) => [
    claim.text,
    ...tasks.flatMap((task) => {
      const { paper } = METRICS[task];
      const found = summary.comparisons.find((one) => one.claim === claim && one.task === task);
      const ours = found ? outcome(found) : "-";
      return paper ? [ours, published(claim, paper)] : [ours];
    }),
  ]);
  return markdownTable(["the paper's claim", ...head], lines, () => false);
}

/** Real gradients beside the theorem. */
export function gradientTable({ summary }: Report): string {
  const lines = summary.gradients.map(({ norm, rows, obeying, mean, variance }) => {
    const { theorem } = CONTENDERS[norm];
    return [
      titleOf(norm),
      theorem?.mean === "zero" ? "0" : "1",
      mean < 1e-3 ? mean.toExponential(1) : mean.toFixed(4),
      theorem?.variance === "kept" ? "1" : "1 at most",
      variance.toFixed(4),
      `${obeying} of ${rows}`,
    ];
  });
  const head = ["", "mean: theorem", "mean: found", "variance: theorem", "variance: found", "rows that obey"];
  return markdownTable(head, lines, (column) => column > 0);
}

function list(names: readonly string[]): string {
  return names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
}

/** What reproduces and what does not, claim by claim. */
export function findings({ summary, scale }: Report): string[] {
  const lines = summary.gradients.length > 0 ? [theoremFinding(summary)] : [];
  const decided = summary.comparisons.filter(({ difference }) => difference.deviation !== undefined);
  if (scale === "smoke")
    return [...lines, "A smoke test: the models are barely trained, and the figures say nothing about the norms."];
  if (decided.length === 0) return [...lines, "One seed says nothing about the other claims."];
  for (const claim of new Set(decided.map((one) => one.claim))) {
    const of = (verdict: Verdict) =>
      decided.filter((one) => one.claim === claim && one.verdict === verdict).map(({ task }) => METRICS[task].title);
    const parts = [
      { names: of("yes"), text: "reproduces on" },
      { names: of("reversed"), text: "is reversed on" },
      { names: of("undecided"), text: "is within the scatter of the seeds on" },
    ].filter(({ names }) => names.length > 0);
    lines.push(`"${claim.text}" ${parts.map(({ names, text }) => `${text} ${list(names)}`).join("; ")}.`);
  }
  return lines;
}

function theoremFinding({ gradients }: Summary): string {
  const rows = gradients.reduce((sum, one) => sum + one.rows, 0);
  const obeying = gradients.reduce((sum, one) => sum + one.obeying, 0);
  const share = obeying === rows ? `all ${rows}` : `${obeying} of ${rows}`;
  return `The theorem on mean and variance of the gradients ${obeying === rows ? "reproduces" : "fails in places"}: ${share} rows obey it.`;
}

/** How the models were trained. */
function plans({ tasks, plans, seeds }: Report): string {
  const count = (value: number) => value.toLocaleString("en");
  return markdownTable(
    ["", "model", "steps", "batch", "learning rate", "seeds"],
    tasks.map((task) => {
      const { width, layers, context, shift, steps, batch, learningRate } = plans[task];
      const moved = shift > 0 ? `; digits moved by up to ${shift} pixels at random` : "";
      const model: Record<TaskName, string> = {
        mnist: `CNN: 5 x 5 convolutions to ${width} and ${2 * width} channels, stride 2, and a dense layer${moved}`,
        "moby-dick": `${context} characters, ${layers} residual blocks of width ${width}, normalised after the sum`,
        brown: `${context} words, Transformer of ${layers} layers of width ${width}, normalised after the sums`,
      };
      return [METRICS[task].title, model[task], count(steps), String(batch), String(learningRate), String(seeds)];
    }),
    (column) => column > 1,
  );
}

const LEGEND = `Mean and standard deviation over the seeds, on held-out examples, at the end of training. Fewer bits a character are better.
MNIST is the paper's task too. RT (film reviews) is a different task from Brown (sentences of fiction or not), beside which it stands.
Moby Dick replaces Enwik-8, which no package has, so there is no figure to compare it with.`;

const CLAIM_LEGEND = `How much better the norm is that the paper calls better: mean and standard deviation of the differences within each seed, and in
how many seeds it is better. The column beside it has the difference of the paper's own figures. The verdict is "reproduces" or
"the reverse" if Student's t-test at 5 % tells the mean from scatter, which happens by chance in one comparison of twenty. Otherwise
it is "undecided".`;

const GRADIENT_LEGEND = `Gradients of one batch at every norm of the trained models: |mean(dL/dx)| in units of |mean(dz)| / σ, and the variance of dL/dx
in units of var(dz) / σ², averaged over the rows. dz is dL/dz, the gradient with respect to the normalised row z.`;

function about({ machine, command, seconds }: Report): string {
  const { cpu, cores, node, tensorflow, adanorm, date } = machine;
  return `\`${command}\`: ${duration(seconds)} of training, summed over the runs. ${cpu}, ${cores} cores; Node ${node}, TensorFlow.js ${tensorflow} (wasm), adanorm ${adanorm}; ${date}.`;
}

export interface Chart {
  file: string;
  title: string;
}

/**
 * The whole report.
 *
 * @param charts with the names of their files from where the report is.
 */
export function markdown(report: Report, charts: readonly Chart[], heading = "##"): string {
  return [
    `${heading} What reproduces`,
    findings(report)
      .map((line) => `- ${line}`)
      .join("\n"),
    `${heading} Figures`,
    resultTable(report),
    LEGEND,
    claimTable(report),
    CLAIM_LEGEND,
    `${heading} Gradients`,
    gradientTable(report),
    GRADIENT_LEGEND,
    ...charts.map(({ file, title }) => `![${title}](${file})`),
    `${heading} How it was run`,
    plans(report),
    "Adam; the learning rate falls to 0 along half a cosine.",
    about(report),
  ].join("\n\n");
}

/** For the terminal. */
export function text(report: Report): string {
  return [
    resultTable(report),
    claimTable(report),
    gradientTable(report),
    findings(report)
      .map((line) => `- ${line}`)
      .join("\n"),
    about(report),
  ].join("\n\n");
}
