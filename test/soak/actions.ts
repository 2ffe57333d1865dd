/** The actions of the soak, and how often each is done. */
import { type DType, loadSync, type Matrix } from "adanorm";
import * as reference from "adanorm/reference";
import { boundOf, ULP } from "../accuracy/bounds.ts";
import type { Random } from "../accuracy/random.ts";
import { decode } from "../accuracy/storage.ts";
import {
  checkSame,
  DTYPES,
  describeCall,
  drawCall,
  inParts,
  inPlace,
  normOf,
  onArrays,
  onMatrices,
  orders,
} from "./calls.ts";
import { check, MOST_ELEMENTS, piece, sameBytes } from "./contents.ts";
import { exhaust } from "./exhaustion.ts";
import type { World } from "./world.ts";

export type Counts = Record<string, number>;

type Action = (world: World, random: Random, counts: Counts) => void;

function dtypeOf(random: Random): DType {
  return DTYPES[random.integer(DTYPES.length)] as DType;
}

/** Makes a matrix; frees others first if the world is full. */
const allocate: Action = (world, random, counts) => {
  const dtype = dtypeOf(random);
  const cols = orders(random, 3000);
  const rows = random.uniform() < 0.05 ? 0 : orders(random, Math.min(world.budget / 16, MOST_ELEMENTS) / cols);
  while (world.bytes + rows * cols * 4 > world.budget) world.free(random);
  const { kernels } = world;
  counts.matrices = (counts.matrices ?? 0) + 1;
  if (random.uniform() < 0.2) {
    const matrix = world.hold(kernels.matrix(rows, cols, dtype));
    check(
      matrix.data.every((value) => value === 0),
      () => "a new matrix is not zero",
    );
    return;
  }
  // From its own type, or converted from f32.
  const source = piece(random, rows * cols, random.uniform() < 0.5 ? "f32" : dtype);
  const matrix = world.hold(kernels.matrix(source as Float32Array, cols, dtype));
  if (dtype === "f32" || source instanceof Float32Array) return;
  check(sameBytes(matrix.toFloat32(), decode(source, dtype)), () => `toFloat32 of ${rows} x ${cols} ${dtype}`);
};

/** A result in a view of a matrix that is then dropped, so that only y holds the matrix. */
const intoView: Action = (world, random) => {
  const call = drawCall(random, 4000);
  if (world.bytes + call.x.byteLength * 2 > world.budget) return;
  const { kernels } = world;
  const write = () => {
    const out = kernels.matrix(call.rows, call.size, call.dtype);
    // The call may grow the memory, and so detach the view while it uses it.
    return normOf(kernels, call).forward(call.x, { out: out.data }).y;
  };
  world.keep(write());
};

const routes: Action = (world, random, counts) => {
  const call = drawCall(random);
  const { kernels } = world;
  const want = onArrays(kernels, call);
  if (world.bytes + 10 * call.x.byteLength < world.budget) {
    for (const way of ["ordinary", random.uniform() < 0.9 ? "prepared" : "dropped"] as const) {
      checkSame(call, `on matrices, ${way}`, onMatrices(kernels, call, way), want);
    }
  }
  checkSame(call, "in place", inPlace(kernels, call), want);
  checkSame(call, "in parts", inParts(kernels, call, random), want);
  counts.calls = (counts.calls ?? 0) + 13;
};

/** The world holds a result, and checks later that it is unchanged. */
const keepResult: Action = (world, random) => {
  const call = drawCall(random, 4000);
  if (world.bytes + 4 * call.x.byteLength > world.budget) return;
  const { kernels } = world;
  const x = kernels.matrix(call.x, call.size, call.dtype);
  const { y } = normOf(kernels, call).forward(x);
  world.hold(y);
  x.free();
};

/** Batches of megabytes, which pass through the scratch area in tiles, and rows so long that it has to grow. */
const long: Action = (world, random, counts) => {
  const size = orders(random, 300_000);
  const rows = Math.max(1, Math.floor((MOST_ELEMENTS / 4 / size) * random.uniform()));
  const call = { ...drawCall(random, 1), size, rows, x: piece(random, rows * size, "f32"), dtype: "f32" as const };
  const dy = piece(random, rows * size, "f32");
  const run = (kernels: World["kernels"]) => {
    const norm = normOf(kernels, { ...call, norm: "adaNorm", options: { ...call.options, ddof: 0 } });
    const { y, ...stats } = norm.forward(call.x);
    return { y, ...stats, dx: norm.backward(dy, call.x).dx };
  };
  checkSame(call, "in another instance", run(world.kernels), run(loadSync()));
  counts.calls = (counts.calls ?? 0) + 4;
};

const reductions: Action = (world, random, counts) => {
  const { x, size, dtype } = drawCall(random);
  const { kernels } = world;
  const rows = kernels.rows(size, { dtype });
  const matrix = kernels.matrix(x, size, dtype);
  for (const name of ["sum", "mean", "variance", "std", "rms", "l1", "l2", "sumSquare", "min", "max"] as const) {
    const same = sameBytes(rows[name](x), rows[name](matrix));
    check(same, () => `rows.${name} of ${matrix.rows} x ${size} ${dtype}: a matrix gives other bytes`);
  }
  matrix.free();
  counts.calls = (counts.calls ?? 0) + 20;
};

/** Results must be within their bounds: ordinary rows, without gain and bias. */
const againstReference: Action = ({ kernels }, random, counts) => {
  const { gain: _gain, bias: _bias, residual: _residual, dSum: _dSum, ...call } = drawCall(random, 3000);
  const { norm, size, dtype, options } = call;
  if (dtype !== "f32" || size < 2) return;
  const [x, dy] = [call.x, call.dy] as [Float32Array, Float32Array];
  const result = onArrays(kernels, call);
  const want = reference.forward(norm, x, { size, ...options });
  const { dx } = reference.backward(norm, dy, x, { size, ...options });
  const unit = norm === "adaNorm" ? boundOf("y", size) : boundOf("z", size);
  x.forEach((value, i) => {
    const row = Math.floor(i / size);
    const r = want.rstd[row] as number;
    const z = Math.abs((value - (want.mean[row] as number)) * r);
    const most = unit * ULP * Math.max(1, z) * (norm === "adaNorm" ? 1 + 0.2 * z : 1);
    const off = Math.abs((result.y?.[i] as number) - (want.y[i] as number));
    check(off <= most, () => `${describeCall(call)}: y[${i}] is ${off / ULP} x 2^-23 off`);
    // The bound of dx is relative to the largest dz of its row. This one is larger, by a factor of |z|.
    const largest = dy.subarray(row * size, (row + 1) * size).reduce((m, dyi) => Math.max(m, Math.abs(dyi)), 0);
    const slope = norm === "adaNorm" ? 1.5 : 1;
    const apart = Math.abs((result.dx?.[i] as number) - (dx[i] as number));
    const units = boundOf("dx", size) * ULP * r * largest * slope * Math.max(1, z);
    check(apart <= units, () => `${describeCall(call)}: dx[${i}] is ${apart / ULP / r} x 2^-23 off`);
  });
  counts.references = (counts.references ?? 0) + 1;
};

/** Instances that come, work, hold matrices that nobody frees, and go. */
const instances: Action = (_world, random, counts) => {
  const kernels = Array.from({ length: 1 + random.integer(4) }, () => loadSync());
  const call = drawCall(random, 2000);
  const all = kernels.map((each) => {
    const kept: Matrix = each.matrix(call.x, call.size, call.dtype);
    const results = onArrays(each, call);
    check(sameBytes(kept.data, call.x), () => "a matrix of a new instance changed");
    return results;
  });
  for (const results of all) checkSame(call, "in another instance", results, all[0] as (typeof all)[0]);
  counts.instances = (counts.instances ?? 0) + kernels.length;
};

const ranOut: Action = (_world, random, counts) => {
  const name = exhaust(random) ? "exhausted" : "nearly exhausted";
  counts[name] = (counts[name] ?? 0) + 1;
};

/** The actions, with their frequencies in about 200. */
export const ACTIONS: readonly (readonly [name: string, share: number, action: Action])[] = [
  ["allocate", 45, allocate],
  ["free", 30, (world, random) => world.free(random)],
  ["drop", 10, (world, random) => world.drop(random)],
  ["drop, but keep a view", 4, (world, random) => world.dropButView(random)],
  ["into a view", 3, intoView],
  ["drop views", 4, (world, random) => world.dropViews(random.integer(20))],
  ["verify", 30, (world, random) => world.verify(random)],
  ["routes", 40, routes],
  ["keep a result", 10, keepResult],
  ["long", 0.3, long],
  ["reductions", 10, reductions],
  ["reference", 6, againstReference],
  ["instances", 3, instances],
  ["exhaustion", 8, ranOut],
];
