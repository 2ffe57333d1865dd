/** A case as a program that needs only the package. */
import { Random } from "../accuracy/random.ts";
import type { Elements } from "../accuracy/storage.ts";
import type { Case, ChannelsCase, MatrixCase, NormCase, Param, Place, RowsCase, SamplesCase } from "./cases.ts";
import { hasParams, makeData } from "./data.ts";
import { hostileProgram } from "./hostile/program.ts";
import { makeParts } from "./parts.ts";
import { makeRows } from "./values.ts";

/** Arrays of more elements are written as bytes. */
const FEW = 40;

function literal(elements: Elements): string {
  const kind = elements instanceof Float32Array ? "Float32Array" : "Uint16Array";
  if (elements.length <= FEW) {
    const numbers = Array.from(elements, (value) => (Object.is(value, -0) ? "-0" : `${value}`));
    return `${kind}.of(${numbers.join(", ")})`;
  }
  const base64 = Buffer.from(elements.buffer, elements.byteOffset, elements.byteLength).toString("base64");
  return `new ${kind}(Uint8Array.from(atob("${base64}"), (c) => c.charCodeAt(0)).buffer)`;
}

/** Places rows as in the case, and passes them to a call. */
const LAY = `
// What rows lie in: a matrix, a view of one, or an array.
function hold(rows, cols, dtype, { view, matrix }) {
  const array = dtype === "f32" ? Float32Array : Uint16Array;
  const held = matrix ? kernels.matrix(rows, cols, dtype)
    : view ? kernels.matrix(1, rows * cols + 1, dtype) : { data: new array(rows * cols) };
  held.data.fill(dtype === "f32" ? NaN : 0x7e5a);
  return held;
}

// Rows in a larger array or in a matrix; with wide, beside others in the same rows.
function lay(rows, size, dtype, { lead = 0, gap = 0, view = false, half = false, matrix = false, wide }) {
  const count = rows.length / size;
  if (matrix) lead = 0;
  if (wide) {
    lead = wide.next;
    wide.next += size + 1;
    gap = wide.stride - size;
  }
  const stride = size + gap;
  const ends = wide || (!matrix && gap % 2 === 1);
  const length = count && (ends ? (count - 1) * stride + size : count * stride);
  const held = wide?.held ?? (matrix ? hold(count, stride, dtype, { matrix }) : hold(1, length + 2 * lead, dtype, { view }));
  for (let row = 0; row < count; row++) held.data.set(rows.subarray(row * size, (row + 1) * size), lead + row * stride);
  if (matrix) return held;
  const array = held.data.subarray(lead, lead + length);
  array.held = held; // a subarray does not keep its matrix
  return half && dtype === "f16" && globalThis.Float16Array
    ? new Float16Array(array.buffer, array.byteOffset, array.length) : array;
}
const taken = (a) => a.toArray?.() ?? a;
`;

function options(entries: Record<string, unknown>): string {
  const there = Object.entries(entries).filter(([, value]) => value !== undefined);
  return `{ ${there.map(([name, value]) => (value === name ? name : `${name}: ${value}`)).join(", ")} }`;
}

function place({ lead, gap, view, half }: Place, matrix: boolean): string {
  return options({
    lead: lead && !matrix ? lead : undefined,
    gap: gap || undefined,
    view: (view && !matrix) || undefined,
    half: (half && !matrix) || undefined,
    matrix: matrix || undefined,
  });
}

/** The calls by the case's own route, on a range of rows. */
function varied(each: NormCase): string[] {
  const { dtype, size, rows, places, matrices, gain, bias, columns, split } = each;
  const lines: string[] = [LAY, "function run(from, to, accumulate) {"];
  const say = (text: string) => lines.push(`  ${text}`);
  const isWide = each.interleaved && !matrices;
  const wideStride = 4 * (size + 1);
  const begin = () => {
    if (!isWide) return;
    const { lead, view } = places.x;
    const held = `hold(1, ${lead} + (to - from) * ${wideStride}, "${dtype}", { view: ${view} })`;
    say(`const wide = { stride: ${wideStride}, next: ${lead}, held: ${held} };`);
  };
  const batch = (name: string, from: string) => {
    const what = `${from}.slice(from * ${size}, to * ${size})`;
    const where = isWide ? "{ wide }" : place(places[name as keyof typeof places], matrices);
    say(`const ${name} = lay(${what}, ${size}, "${dtype}", ${where});`);
  };
  const param = (name: string, given: Param | undefined) => {
    if (!given) return;
    const type = given.float ? "f32" : dtype;
    say(`const ${name} = lay(all.${name}, ${size}, "${type}", ${place({ ...given.place, gap: 0 }, given.matrix)});`);
  };
  const stride = (name: string, target = name) => {
    if (isWide) return wideStride;
    return size + places[(target === "own" ? name : target) as keyof typeof places].gap;
  };
  param("gain", gain);
  param("bias", bias);
  const params = { gain: gain && "gain", bias: bias && "bias" };
  say("let forward;\n  {");
  begin();
  batch("x", "all.x");
  if (each.residual) batch("residual", "all.residual");
  const sum = each.residual && each.sum !== "new" ? each.sum : undefined;
  let out = each.out === "residual" && !each.residual ? "own" : each.out;
  if (out !== "new" && out !== "own" && out === sum) out = "own";
  if (sum === "own") batch("sum", "plain.y");
  if (out === "own") batch("out", "plain.y");
  const forwardStrides = {
    x: stride("x"),
    residual: each.residual ? stride("residual") : undefined,
    sum: sum && stride("sum", sum),
    out: out !== "new" ? stride("out", out) : undefined,
  };
  say(
    `forward = norm.forward(x, ${options({
      ...params,
      residual: each.residual ? "residual" : undefined,
      sum: sum === "own" ? "sum" : sum,
      out: out === "new" ? undefined : out === "own" ? "out" : out,
      rowStride: options(forwardStrides),
    })});\n  }`,
  );
  say(`console.log(taken(forward.y), forward.sum && taken(forward.sum), forward.mean, forward.rstd);`);
  begin();
  batch("x", "input");
  batch("dy", "all.dy");
  if (each.dSum) batch("dSum", "all.dSum");
  const dx = each.dx === "dSum" && !each.dSum ? "own" : each.dx;
  if (dx === "own") batch("dx", "plain.y");
  const stats = "{ mean: plain.mean.slice(from, to), rstd: plain.rstd.slice(from, to) }";
  const has = hasParams(each) && columns.given;
  const backwardStrides = {
    dy: stride("dy"),
    x: stride("x"),
    dSum: each.dSum ? stride("dSum") : undefined,
    dx: dx === "new" ? undefined : stride("dx", dx),
  };
  say(
    `const backward = norm.backward(dy, x, ${each.stats ? stats : "undefined"}, ${options({
      ...params,
      dSum: each.dSum ? "dSum" : undefined,
      out: options({
        dx: dx === "new" ? undefined : dx === "own" ? "dx" : dx,
        dGain: has ? "dGain" : undefined,
        dBias: has ? "dBias" : undefined,
      }),
      accumulate: has ? "accumulate" : undefined,
      rowStride: options(backwardStrides),
    })});`,
  );
  say(`console.log(taken(backward.dx), ${has ? "taken(dGain), taken(dBias)" : ""});\n}`);
  if (has) {
    const begin = columns.accumulate ? "all.before" : `new Float32Array(${size})`;
    for (const name of ["dGain", "dBias"]) {
      lines.push(`const ${name} = lay(${begin}, ${size}, "f32", ${options({ matrix: columns.matrix || undefined })});`);
    }
  }
  const middle = split === undefined ? rows : Math.round(split * rows);
  lines.push(`run(0, ${middle}, ${columns.accumulate});`);
  if (split !== undefined) lines.push(`run(${middle}, ${rows}, true);`);
  return lines;
}

function normProgram(each: NormCase, isPlain: boolean): string {
  const { norm, size, dtype } = each;
  const data = makeData(each);
  const given = Object.entries(data).filter(
    ([name, elements]) => elements && (name !== "before" || each.columns.accumulate),
  );
  const made = { size, ...(dtype !== "f32" && { dtype }), ...each.options };
  const columns = hasParams(each)
    ? `, out: { dGain: new Float32Array(${size}), dBias: new Float32Array(${size}) }`
    : "";
  return [
    `const norm = kernels.${norm}(${JSON.stringify(made)});`,
    "const all = {",
    ...given.map(([name, elements]) => `  ${name}: ${literal(elements as Elements)},`),
    "};",
    "const { gain, bias, residual, dSum } = all;",
    "const plain = norm.forward(all.x, { gain, bias, residual });",
    "const input = plain.sum ?? all.x;",
    `console.log(plain, norm.backward(all.dy, input, plain, { gain, bias, dSum${columns} }));`,
    ...(isPlain ? [] : varied(each)),
  ].join("\n");
}

function rowsProgram({ size, rows, dtype, family, seed, ddof, scale, place: where }: RowsCase): string {
  const x = makeRows(family, rows, size, dtype, new Random(`${seed}`));
  return [
    LAY,
    `const rows = kernels.rows(${size}, { dtype: "${dtype}" });`,
    `const x = ${literal(x)};`,
    `const rowStride = ${size + where.gap};`,
    `for (const where of [${place(where, false)}, ${place(where, true)}]) {`,
    `  const placed = lay(x, ${size}, "${dtype}", where);`,
    '  for (const name of ["sum", "mean", "rms", "l1", "l2", "sumSquare", "min", "max"]) console.log(name, rows[name](placed, { rowStride }));',
    `  for (const name of ["variance", "std", "moments"]) console.log(name, rows[name](placed, { ddof: ${ddof}, rowStride }));`,
    `  console.log("int8", rows.int8(placed, { scale: ${scale}, rowStride }), "bits", rows.bits(placed, { rowStride }));`,
    "}",
  ].join("\n");
}

function matrixProgram({ size, rows, from, to, family, seed }: MatrixCase): string {
  const source = makeRows(family, rows, size, from, new Random(`${seed}`));
  return `const matrix = kernels.matrix(${literal(source)}, ${size}, "${to}");\nconsole.log(matrix.data, matrix.toFloat32());`;
}

/** @param why the message of the failure. */
/** The simplest call of a case whose gains are of parts of the batch. */
function partsProgram(each: SamplesCase | ChannelsCase): string {
  const { x, dy, gain, bias } = makeParts(each);
  const { norm, ...shape } =
    each.kind === "samples"
      ? { norm: each.norm, size: each.size }
      : {
          ...{ norm: "groupNorm", channels: each.groups * each.inGroup },
          ...{ groups: each.groups, spatial: each.spatial },
        };
  const params = options({ gain: gain && literal(gain), bias: bias && literal(bias) });
  return [
    `const norm = kernels.${norm}(${JSON.stringify({ ...shape, dtype: each.dtype, ...each.options })});`,
    `const [x, dy, params] = [${literal(x)}, ${literal(dy)}, ${params}];`,
    "const { y, mean, rstd } = norm.forward(x, params);",
    "console.log(y, mean, rstd, norm.backward(dy, x, { mean, rstd }, params));",
  ].join("\n");
}

export function programOf(each: Case, why: string): string {
  const head = `// ${why}\nimport { loadSync } from "adanorm";\n\nconst kernels = loadSync();`;
  // A result beyond its bound comes from the plain call.
  const isPlain = why.includes(" within ");
  if (each.kind === "hostile") return `${head}\n${hostileProgram(each)}\n`;
  if (each.kind === "samples" || each.kind === "channels") return `${head}\n${partsProgram(each)}\n`;
  const body =
    each.kind === "norm" ? normProgram(each, isPlain) : each.kind === "rows" ? rowsProgram(each) : matrixProgram(each);
  return `${head}\n${body}\n`;
}
