/**
 * A language model that goes character by character: a Transformer of the pre-norm kind. Its norms are calls of adanorm that are
 * prepared once, add the residual, and leave the sum in the residual stream. Everything else is plain loops.
 *
 * The path of a character: a row of the table and its place are summed and normalised, then each block adds what attention and a
 * dense layer make of it to the stream. Products of the last row with the table are the logits of the next character.
 */

/**
 * Reads the file that examples/reproduce/language-model.ts writes: a header in JSON, behind its length, then all weights in f16, in the
 * order in which they are read here.
 */
export function readModel(kernels, bytes) {
  const header = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
  const shape = JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + header)));
  // A copy, because a Buffer's own may start at an odd place.
  const bits = new Uint16Array(Uint8Array.from(bytes.subarray(4 + header)).buffer);
  const { symbols, width, layers, hidden } = shape;
  let at = 0;
  const take = (rows, cols) => {
    const matrix = kernels.matrix(bits.subarray(at, at + rows * cols), cols, "f16");
    at += rows * cols;
    const weights = matrix.toFloat32();
    matrix.free();
    return weights;
  };
  const dense = (inputs, outputs) => ({ weights: take(inputs, outputs), bias: take(1, outputs) });
  const norm = () => ({ gain: take(1, width), bias: take(1, width) });
  const table = take(symbols.length, width);
  const blocks = Array.from({ length: layers }, () => ({
    norm: norm(),
    query: dense(width, width),
    key: dense(width, width),
    value: dense(width, width),
    mixed: dense(width, width),
    feedNorm: norm(),
    up: dense(width, hidden),
    down: dense(hidden, width),
  }));
  const model = { kernels, shape, table, blocks, last: norm() };
  if (at !== bits.length) throw new RangeError(`weights: expected ${at} numbers, got ${bits.length}`);
  return model;
}

/** Sines and cosines of a place in the text. */
function placeRow(place, width) {
  return Float32Array.from({ length: width }, (_, column) => {
    const angle = place / 10000 ** ((column - (column % 2)) / width);
    return column % 2 === 0 ? Math.sin(angle) : Math.cos(angle);
  });
}

/** The row of the table for a symbol, as large as the places are. */
function embeddingOf({ table, shape: { width } }, code) {
  return table.subarray(code * width, (code + 1) * width).map((value) => value * Math.sqrt(width));
}

/** out = x weights + bias, for one row. */
function dense(x, { weights, bias }, out) {
  const outputs = bias.length;
  out.set(bias);
  for (let i = 0; i < x.length; i++) {
    const value = x[i];
    for (let j = 0; j < outputs; j++) out[j] += value * weights[i * outputs + j];
  }
}

function relu(x) {
  for (let i = 0; i < x.length; i++) x[i] = Math.max(0, x[i]);
}

/** The mean of the values, weighted by how well their keys fit the query, head by head. `count` rows of each are there. */
function attend(query, keys, values, count, heads, out) {
  const width = query.length;
  const size = width / heads;
  const weights = new Float64Array(count);
  out.fill(0);
  for (let start = 0; start < width; start += size) {
    for (let row = 0; row < count; row++) {
      let dot = 0;
      for (let i = start; i < start + size; i++) dot += query[i] * keys[row * width + i];
      weights[row] = dot / Math.sqrt(size);
    }
    const most = weights.reduce((a, b) => Math.max(a, b));
    let total = 0;
    for (let row = 0; row < count; row++) {
      weights[row] = Math.exp(weights[row] - most);
      total += weights[row];
    }
    for (let i = start; i < start + size; i++) {
      let sum = 0;
      for (let row = 0; row < count; row++) sum += weights[row] * values[row * width + i];
      out[i] = sum / total;
    }
  }
}

function logitsOf({ table, shape: { symbols, width } }, x, out) {
  for (let code = 0; code < symbols.length; code++) {
    let dot = 0;
    for (let i = 0; i < width; i++) dot += x[i] * table[code * width + i];
    out[code] = dot;
  }
}

/** One text, character by character. Keys and values of what came before are kept, so that a step computes one row. */
export class Session {
  #model;
  #held = [];
  #stream;
  #branch;
  #normed;
  #blocks;
  #last;
  #place = 0;

  /** @param prepared whether the norms are prepared calls; ordinary ones give the same bytes, and take longer. */
  constructor(model, { prepared = true } = {}) {
    const { kernels, shape, blocks, last } = model;
    const { width, hidden, context } = shape;
    this.#model = model;
    const hold = (one) => {
      this.#held.push(one);
      return one;
    };
    [this.#stream, this.#branch, this.#normed] = [1, 2, 3].map(() => hold(kernels.matrix(1, width)));
    const norm = kernels.layerNorm({ size: width });
    const site = ({ gain, bias }) => {
      const options = {
        gain: hold(kernels.matrix(gain, width)),
        bias: hold(kernels.matrix(bias, width)),
        residual: this.#stream,
        sum: this.#stream,
        out: this.#normed,
      };
      if (!prepared) return { run: () => norm.forward(this.#branch, options) };
      return hold(norm.prepareForward(this.#branch, options));
    };
    this.#blocks = blocks.map((block) => ({
      ...block,
      norm: site(block.norm),
      feedNorm: site(block.feedNorm),
      keys: new Float32Array(context * width),
      values: new Float32Array(context * width),
      rows: { query: new Float32Array(width), attended: new Float32Array(width), hidden: new Float32Array(hidden) },
    }));
    this.#last = site(last);
  }

  /** Whether another character can follow: there are as many places as there were in training. */
  get isFull() {
    return this.#place === this.#model.shape.context;
  }

  /** The logits of the character that follows, after one more character. */
  next(code) {
    if (this.isFull) throw new RangeError(`Session.next: expected ${this.#place} characters at most`);
    const { shape } = this.#model;
    const { width, heads, symbols } = shape;
    const [stream, branch, normed] = [this.#stream.data, this.#branch.data, this.#normed.data];
    const start = this.#place * width;
    stream.set(placeRow(this.#place, width));
    branch.set(embeddingOf(this.#model, code));
    for (const { norm, query, key, value, mixed, feedNorm, up, down, keys, values, rows } of this.#blocks) {
      norm.run();
      dense(normed, query, rows.query);
      dense(normed, key, keys.subarray(start, start + width));
      dense(normed, value, values.subarray(start, start + width));
      attend(rows.query, keys, values, this.#place + 1, heads, rows.attended);
      dense(rows.attended, mixed, branch);
      feedNorm.run();
      dense(normed, up, rows.hidden);
      relu(rows.hidden);
      dense(rows.hidden, down, branch);
    }
    this.#last.run();
    this.#place++;
    const logits = new Float32Array(symbols.length);
    logitsOf(this.#model, normed, logits);
    return logits;
  }

  free() {
    for (const one of this.#held.toReversed()) one.free();
    this.#held = [];
  }
}

/** The logits after each character of a text, all rows at a time and without a cache: what {@link Session} must agree with. */
export function logitsOfAll(model, codes) {
  const { kernels, shape, blocks, last } = model;
  const { width, heads, hidden, symbols } = shape;
  const rows = codes.length;
  const [stream, branch] = [new Float32Array(rows * width), new Float32Array(rows * width)];
  codes.forEach((code, place) => {
    stream.set(placeRow(place, width), place * width);
    branch.set(embeddingOf(model, code), place * width);
  });
  const norm = kernels.layerNorm({ size: width });
  const normalise = (params) => norm.forward(branch, { ...params, residual: stream, sum: stream, stats: false }).y;
  const rowOf = (batch, row, size = width) => batch.subarray(row * size, (row + 1) * size);
  const denseRows = (x, layer, inputs, outputs, out = new Float32Array(rows * outputs)) => {
    for (let row = 0; row < rows; row++) dense(rowOf(x, row, inputs), layer, rowOf(out, row, outputs));
    return out;
  };
  for (const block of blocks) {
    const x = normalise(block.norm);
    const [queries, keys, values] = [block.query, block.key, block.value].map((one) => denseRows(x, one, width, width));
    const attended = new Float32Array(rows * width);
    for (let row = 0; row < rows; row++) {
      attend(rowOf(queries, row), keys, values, row + 1, heads, rowOf(attended, row));
    }
    denseRows(attended, block.mixed, width, width, branch);
    const wide = denseRows(normalise(block.feedNorm), block.up, width, hidden);
    relu(wide);
    denseRows(wide, block.down, hidden, width, branch);
  }
  const x = normalise(last);
  return Array.from({ length: rows }, (_, row) => {
    const logits = new Float32Array(symbols.length);
    logitsOf(model, rowOf(x, row), logits);
    return logits;
  });
}
