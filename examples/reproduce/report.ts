/** The figures in words and tables, as Markdown: for the terminal, a file, and the documentation. */
import { markdownTable } from "../../scripts/markdown.ts";
import { CONTENDERS, type NormName } from "./contenders.ts";
import type { Machine } from "./machine.ts";
import { type Claim, PAPER_TASKS, type PaperTask, paperDigits, published } from "./paper.ts";
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

/** Every norm in every task. */
export function resultTable({ tasks, norms, summary, seeds }: Report): string {
  const head = tasks.flatMap((task) => {
    const { title, unit, beside } = METRICS[task];
    return beside ? [`${title}, ${unit}`, beside.unit] : [`${title}, ${unit}`];
  });
  const lines = norms.map((norm) => [
    titleOf(norm),
    ...tasks.flatMap((task) => {
      const { digits, beside } = METRICS[task];
      const cell = summary.cells.find((one) => one.task === task && one.norm === norm);
      const figure = cell?.metric ? spread(cell.metric, digits) : "-";
      const ours = cell?.diverged ? `${figure} (${cell.diverged} of ${seeds} diverged)` : figure;
      return beside ? [ours, cell?.beside ? spread(cell.beside, beside.digits) : "-"] : [ours];
    }),
  ]);
  return markdownTable(["", ...head], lines, (column) => column > 0);
}

interface Kind {
  kind: string;
  /** The paper's data for it, and its stand-in here. */
  paper: readonly PaperTask[];
  task: TaskName;
  here: string;
}

/** The five kinds of the paper's eight tasks, in its order. */
const KINDS: readonly Kind[] = [
  { kind: "translation", paper: ["En-De", "De-En", "En-Vi"], task: "atis", here: "ATIS, English to Turkish" },
  { kind: "language model", paper: ["Enwik-8"], task: "moby-dick", here: "Moby Dick, by characters" },
  { kind: "text classification", paper: ["RT", "SST5"], task: "brown", here: "Brown, fiction or not" },
  { kind: "image classification", paper: ["MNIST"], task: "mnist", here: "MNIST" },
  { kind: "parsing", paper: ["PTB"], task: "ewt", here: "EWT, transition-based" },
];

/** All kinds of tasks in one table: the paper's data, those here, and the figures of the norms that the paper compares. */
export function kindTable({ summary }: Pick<Report, "summary">): string {
  const norms: NormName[] = ["none", "layerNorm", "layerNormSimple", "detachNorm", "adaNorm"];
  const lines = KINDS.map(({ kind, paper, task, here }) => {
    const { unit, digits } = METRICS[task];
    const figures = norms.map((norm) => {
      const cell = summary.cells.find((one) => one.task === task && one.norm === norm);
      if (!cell) return "not run yet";
      return cell.metric ? spread(cell.metric, digits) : "diverged";
    });
    return [kind, paper.join(", "), here, unit, ...figures];
  });
  return markdownTable(["", "the paper", "here", "figure", ...norms.map(titleOf)], lines, (column) => column > 3);
}

/** The paper's figures for the same norms, in all its tasks. */
export function paperTable(): string {
  const norms = (Object.keys(CONTENDERS) as NormName[]).filter(
    (norm) => norm !== "adaNorm2" && published("MNIST", norm) !== undefined,
  );
  const lines = norms.map((norm) => [
    titleOf(norm),
    ...PAPER_TASKS.map((task) => {
      const figure = published(task, norm);
      return typeof figure === "number" ? figure.toFixed(paperDigits(task)) : (figure ?? "-");
    }),
  ]);
  return markdownTable(["", ...PAPER_TASKS], lines, (column) => column > 0);
}

const WORDS: Record<Verdict, string> = { yes: "reproduces", reversed: "the reverse", undecided: "undecided" };

/** By how much the paper's own figures support its claim. */
function publishedDifference({ better, worse }: Claim, task: PaperTask, higherIsBetter: boolean): string {
  const [more, less] = [published(task, better), published(task, worse)];
  if (more === undefined || less === undefined) return "-";
  if (typeof more === "string") return typeof less === "string" ? "both diverge" : `${titleOf(better)} diverges`;
  if (typeof less === "string") return `${titleOf(worse)} diverges`;
  return signed(higherIsBetter ? more - less : less - more, paperDigits(task));
}

function difference({ claim, task, difference, diverged, seeds }: Comparison): string {
  const figure = difference ? spread(difference, METRICS[task].digits, true) : "";
  const lost = (["better", "worse"] as const)
    .filter((which) => diverged[which] > 0)
    .map((which) => `${titleOf(claim[which])} diverges in ${diverged[which]} of ${seeds}`);
  return [figure, ...lost].filter((part) => part !== "").join("; ");
}

/** The paper's claims, task by task, and the results. */
export function claimTable({ tasks, summary }: Report): string {
  const lines = [...new Set(summary.comparisons.map(({ claim }) => claim))].flatMap((claim) =>
    summary.comparisons
      .filter((one) => one.claim === claim && tasks.includes(one.task))
      .map((one, i) => {
        const { title, paper, higherIsBetter } = METRICS[one.task];
        const seeds = `${one.inFavour} of ${one.seeds}`;
        const theirs = `${paper}: ${publishedDifference(claim, paper, higherIsBetter)}`;
        return [i === 0 ? claim.text : "", title, WORDS[one.verdict], difference(one), seeds, theirs];
      }),
  );
  const head = ["the paper's claim", "task", "here", "by how much", "seeds in favour", "in the paper, by how much"];
  return markdownTable(head, lines, () => false);
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
  const decided = summary.comparisons.filter(({ seeds }) => seeds > 1);
  if (scale === "smoke")
    return [...lines, "A smoke test: the models are barely trained, and the figures say nothing about the norms."];
  lines.push(...divergences(summary));
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

/** Training that does not work is a result. */
function divergences({ cells }: Summary): string[] {
  return cells
    .filter(({ diverged }) => diverged > 0)
    .map(({ task, norm, diverged }) => {
      const runs = `${diverged} ${diverged === 1 ? "run" : "runs"}`;
      return `The loss became NaN in ${runs} of ${titleOf(norm)} on ${METRICS[task].title}.`;
    });
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
      const { width, layers, context, shift, steps, batch, learningRate, dropout, warmUp, merges } = plans[task];
      const moved = shift > 0 ? `; digits moved by up to ${shift} pixels at random` : "";
      const model: Record<TaskName, string> = {
        mnist: `CNN: 5 x 5 convolutions to ${width} and ${2 * width} channels, stride 2, and a dense layer${moved}`,
        "moby-dick": `${context} characters, ${layers} residual blocks of width ${width}, normalised after the sum`,
        brown: `${context} words, Transformer of ${layers} layers of width ${width}, normalised after the sums`,
        ewt: `transition-based parser, ${layers} hidden layers of width ${width}, normalised before the ReLU; dropout ${dropout}`,
        atis: `Transformer of ${layers} + ${layers} layers of width ${width}, normalised after the sums; ${merges} merges to subwords; dropout ${dropout}; ${warmUp} steps of warm-up`,
      };
      return [METRICS[task].title, model[task], count(steps), String(batch), String(learningRate), String(seeds)];
    }),
    (column) => column > 1,
  );
}

const LEGEND = `Mean and standard deviation over the seeds, on held-out examples, at the end of training. Fewer bits a character are better.
"Diverged": the loss became NaN.`;

const PAPER_LEGEND = `The paper's own figures: accuracy in percent (MNIST, RT, SST5), bits a character (Enwik-8), unlabelled attachment in percent (PTB)
and BLEU (En-De, De-En, En-Vi). MNIST is the task here too. The others are of the same kind as tasks here, on other data, so only the
order of the norms can be compared.`;

const CLAIM_LEGEND = `How much better the norm is that the paper calls better: mean and standard deviation of the differences within each seed, and in
how many seeds it is better. The last column has the difference of the paper's own figures, in its nearest task. The verdict is
"reproduces" or "the reverse" if Student's t-test at 5 % tells the mean from scatter, which happens by chance in one comparison of
twenty, or if one of the two norms diverges in every seed and the other in none. Otherwise it is "undecided".`;

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
    paperTable(),
    PAPER_LEGEND,
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
