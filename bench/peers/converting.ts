/** 16-bit batches without 16-bit kernels: plain loops that convert, around adanorm's kernels for f32. */
import { load } from "adanorm";
import { encode } from "../../build/reference.js";
import { inputs, type Job, type Task } from "../job.ts";
import { versionOf } from "./version.ts";

const bits = new Uint32Array(1);
const float = new Float32Array(bits.buffer);

const POWERS = Float64Array.from({ length: 31 }, (_, exponent) => 2 ** (exponent - 15));

const fromHalf = {
  f16(half: number): number {
    const exponent = (half >> 10) & 31;
    const fraction = half & 1023;
    let value = (1 + fraction / 1024) * (POWERS[exponent] as number);
    if (exponent === 0) value = fraction * 2 ** -24;
    if (exponent === 31) value = fraction ? NaN : Infinity;
    return half & 0x8000 ? -value : value;
  },
  bf16(half: number): number {
    bits[0] = half << 16;
    return float[0] as number;
  },
};

const toHalf = {
  f16(value: number): number {
    float[0] = value;
    const all = bits[0] as number;
    const sign = (all >>> 16) & 0x8000;
    const rest = all & 0x7fffffff;
    if (rest > 0x7f800000) return sign | 0x7e00;
    if (rest >= 0x477ff000) return sign | 0x7c00;
    if (rest >= 0x38800000) return sign | ((rest - 0x38000000 + 0xfff + ((rest >>> 13) & 1)) >>> 13);
    // Adding 1/2 leaves a multiple of the smallest half, rounded, in the last bits.
    float[0] = Math.abs(value) + 0.5;
    return sign | ((bits[0] as number) - 0x3f000000);
  },
  bf16(value: number): number {
    float[0] = value;
    const all = bits[0] as number;
    if ((all & 0x7fffffff) > 0x7f800000) return (all >>> 16) | 0x40;
    return (all + 0x7fff + ((all >>> 16) & 1)) >>> 16;
  },
};

export async function open() {
  const kernels = await load();
  return {
    version: versionOf("../../package.json"),
    prepare(job: Job): Task {
      if (job.kind !== "forward" || !job.dtype || job.norm !== "layerNorm") throw new Error("not written");
      const { size, rows, dtype } = job;
      const [decode, encodeOne] = [fromHalf[dtype], toHalf[dtype]];
      const norm = kernels.layerNorm({ size });
      const x = encode(inputs.x(job), dtype) as Uint16Array;
      const y = new Uint16Array(x.length);
      const floats = kernels.matrix(rows, size);
      const gain = kernels.matrix(Float32Array.from(inputs.gain(job)), size);
      const bias = kernels.matrix(Float32Array.from(inputs.bias(job)), size);
      const run = () => {
        const { data } = floats;
        for (let i = 0; i < x.length; i++) data[i] = decode(x[i] as number);
        norm.forward(floats, { gain, bias, out: floats });
        for (let i = 0; i < y.length; i++) y[i] = encodeOne(data[i] as number);
      };
      return {
        run,
        result() {
          run();
          return [Float32Array.from(y, (half) => decode(half))];
        },
        free: () => [floats, gain, bias].forEach((matrix) => void matrix.free()),
      };
    },
  };
}
