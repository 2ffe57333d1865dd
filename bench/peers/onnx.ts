/** Writes ONNX graphs: the few messages of onnx.proto that a chain of normalisations takes, in protobuf's wire format. */
import { type ChannelsJob, EPS, type ForwardJob, inputs } from "../job.ts";

function varint(value: number): Buffer {
  const bytes: number[] = [];
  for (; value > 0x7f; value = Math.floor(value / 128)) bytes.push((value % 128) | 0x80);
  return Buffer.from([...bytes, value]);
}

const integer = (field: number, value: number) => Buffer.concat([varint(field * 8), varint(value)]);

const bytes = (field: number, value: Uint8Array) => Buffer.concat([varint(field * 8 + 2), varint(value.length), value]);

const text = (field: number, value: string) => bytes(field, Buffer.from(value));

const message = (field: number, ...fields: Buffer[]) => bytes(field, Buffer.concat(fields));

const floats = (value: Float32Array) => Buffer.from(value.buffer, value.byteOffset, value.byteLength);

const float = (field: number, value: number) => Buffer.concat([varint(field * 8 + 5), floats(Float32Array.of(value))]);

/** TensorProto: dims, data_type FLOAT, name, raw_data. */
const initializer = (name: string, value: Float32Array) =>
  message(5, integer(1, value.length), integer(2, 1), text(8, name), bytes(9, floats(value)));

/** ValueInfoProto: name, type: tensor of FLOAT with its shape. */
function valueInfo(field: number, name: string, shape: number[]): Buffer {
  const dims = shape.map((dim) => message(1, integer(1, dim)));
  return message(field, text(1, name), message(2, message(1, integer(1, 1), message(2, ...dims))));
}

/** NodeProto: inputs, output, op_type, attributes axis = -1 (the default), epsilon, and that of groups. */
function node(operator: string, input: string, params: string[], output: string, groups: number | undefined): Buffer {
  const names = [input, ...params].map((name) => text(1, name));
  const attributes = [message(5, text(1, "epsilon"), float(2, EPS), integer(20, 1))];
  if (groups) attributes.push(message(5, text(1, "num_groups"), integer(3, groups), integer(20, 2)));
  return message(1, ...names, text(2, output), text(4, operator), ...attributes);
}

type OnnxJob = ForwardJob | ChannelsJob;

/** The operator, its inputs beside x, and a version of ONNX's operators that has it. */
const OPERATORS: Partial<Record<OnnxJob["norm"], [name: string, params: ("gain" | "bias")[], version: number]>> = {
  layerNorm: ["LayerNormalization", ["gain", "bias"], 17],
  rmsNorm: ["RMSNormalization", ["gain"], 23],
  groupNorm: ["GroupNormalization", ["gain", "bias"], 21],
  instanceNorm: ["InstanceNormalization", ["gain", "bias"], 17],
};

/** The shape of x and y. */
export function shapeOf(job: OnnxJob): number[] {
  const { rows, size } = job;
  return job.kind === "channels" ? [rows / job.groups, job.channels, ...job.spatial] : [rows, size];
}

/** A model from x to y: a chain of `nodes` operators with the same gain and bias. */
export function model(job: OnnxJob, values = { gain: inputs.gain(job), bias: inputs.bias(job) }): Buffer {
  const operator = OPERATORS[job.norm];
  if (!operator) throw new Error(`ONNX has no ${job.norm}`);
  const [name, params, version] = operator;
  const { nodes = 1 } = job;
  const groups = job.norm === "groupNorm" ? job.groups : undefined;
  const between = (i: number) => (i === 0 ? "x" : i === nodes ? "y" : `t${i}`);
  const graph = [
    ...Array.from({ length: nodes }, (_, i) => node(name, between(i), params, between(i + 1), groups)),
    text(2, "norms"),
    ...params.map((param) => initializer(param, values[param])),
    valueInfo(11, "x", shapeOf(job)),
    valueInfo(12, "y", shapeOf(job)),
  ];
  // ModelProto: ir_version, graph, opset_import.
  return Buffer.concat([integer(1, 8), message(7, ...graph), message(8, text(1, ""), integer(2, version))]);
}
