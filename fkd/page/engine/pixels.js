// Grey pictures {width, height, data: Uint8Array}, computed as Pillow does: the networks and thresholds were chosen on
// its pixels.
import { DARK, FRAME } from "./constants.js";
import { apply, determinant, invert, round } from "./frames.js";

const ONE = 2 ** 22; // weights are whole numbers of this fraction, as Pillow's, which decides halves
const FILTERS = {
  bilinear: [1, (x) => Math.max(0, 1 - Math.abs(x))],
  bicubic: [2, (x) => cubic(Math.abs(x))],
};

function cubic(x) { // Keys (1981), a = -0.5
  if (x < 1) return (1.5 * x - 2.5) * x * x + 1;
  return x < 2 ? ((-0.5 * x + 2.5) * x - 4) * x + 2 : 0;
}

/** RGBA pixels -> their greys, written to `grey` from `start`. */
export function toGrey(rgba, grey, start) {
  for (let from = 0, to = start; from < rgba.length; from += 4, to++) {
    grey[to] = (rgba[from] * 19595 + rgba[from + 1] * 38470 + rgba[from + 2] * 7471 + 0x8000) >> 16;
  }
}

export function cut({ width, data }, left, top, right, bottom) {
  const part = new Uint8Array((right - left) * (bottom - top));
  for (let y = top; y < bottom; y++) {
    part.set(data.subarray(y * width + left, y * width + right), (y - top) * (right - left));
  }
  return { width: right - left, height: bottom - top, data: part };
}

/** Weights for each pixel of a side of `size`, which shows the first `span` of `length` pixels: [the first, weights]. */
function weights(length, span, size, [support, filter]) {
  const scale = span / size;
  const wide = Math.max(scale, 1);
  return Array.from({ length: size }, (_, index) => {
    const centre = (index + 0.5) * scale;
    const first = Math.max(Math.trunc(centre - support * wide + 0.5), 0);
    const end = Math.min(Math.trunc(centre + support * wide + 0.5), length);
    return [first, Array.from({ length: end - first }, (_, tap) => filter((tap + first - centre + 0.5) / wide))];
  });
}

/** The means of pixels by weights, along rows and then along columns. */
function weighted({ width: before, height: rows, data }, across, down) {
  const [width, height] = [across.length, down.length];
  const narrow = along(data, across, [rows, before, width], 1);
  return { width, height, data: along(narrow, down, [width, 1, 1], width) };
}

/** Means of `count` lines, which begin `jump` apart in `from` and `to` apart in the result, of pixels `step` apart. */
function along(from, each, [count, jump, to], step) {
  const result = new Uint8ClampedArray(count * each.length);
  each.forEach(([first, raw], index) => {
    const sum = raw.reduce((total, tap) => total + tap, 0);
    const taps = Float64Array.from(raw, (tap) => Math.round((tap / sum) * ONE));
    for (let line = 0; line < count; line++) {
      let value = ONE / 2;
      for (let tap = 0, at = line * jump + first * step; tap < taps.length; tap++, at += step) value += from[at] * taps[tap];
      result[line * to + index * step] = Math.floor(value / ONE);
    }
  });
  return result;
}

/** A picture of another size. span: the part of it, from its corner, that is shown. */
export function resize(picture, [width, height], filter, span = [picture.width, picture.height]) {
  const across = weights(picture.width, span[0], width, FILTERS[filter]);
  return weighted(picture, across, weights(picture.height, span[1], height, FILTERS[filter]));
}

/** Means of 3 x 3 pixels, the edge repeated. */
function blurred(grey) {
  const box = (length) => Array.from({ length }, (_, index) => {
    if (index === 0) return [0, [2, 1]];
    return [index - 1, index < length - 1 ? [1, 1, 1] : [1, 2]];
  });
  return weighted(grey, box(grey.width), box(grey.height));
}

/** Means of blocks of pixels, rounded as Pillow does; the last ones may be smaller. */
function reduce({ width, height, data }, across, down) {
  const size = [Math.ceil(width / across), Math.ceil(height / down)];
  const mean = (_, index) => {
    const [left, top] = [(index % size[0]) * across, Math.floor(index / size[0]) * down];
    const [right, bottom] = [Math.min(left + across, width), Math.min(top + down, height)];
    let sum = 0;
    for (let y = top; y < bottom; y++) for (let at = y * width + left; at < y * width + right; at++) sum += data[at];
    const count = (right - left) * (bottom - top);
    return ((sum + (count >> 1)) * Math.floor(2 ** 24 / count)) / 2 ** 24;
  };
  return { width: size[0], height: size[1], data: Uint8Array.from({ length: size[0] * size[1] }, mean) };
}

/** A picture whose longer side is at most `longest`, as the finder shrinks it: means of blocks, then bicubic. */
export function shrunk(grey, longest) {
  const scale = Math.min(1, longest / Math.max(grey.width, grey.height));
  if (scale === 1) return grey;
  const size = [grey.width, grey.height].map((side) => Math.max(1, round(side * scale)));
  const [x, y] = [grey.width / size[0], grey.height / size[1]].map((by) => Math.trunc(by / 2) || 1);
  return resize(reduce(grey, x, y), size, "bicubic", [grey.width / x, grey.height / y]);
}

/** A dark photo, brightened, and its noise smoothed. */
export function lit(grey) {
  const counts = new Float64Array(256);
  for (const value of grey.data) counts[value]++;
  let [top, sum] = [0, counts[0]];
  while (sum < 0.99 * grey.data.length) sum += counts[++top];
  top = Math.max(top, 1);
  if (top >= DARK) return grey;
  const table = Uint8Array.from({ length: 256 }, (_, value) => Math.min(255, round((value * DARK) / top)));
  return { ...grey, data: blurred(grey).data.map((value) => table[value]) };
}

/** Turned counter-clockwise by quarters. */
export function turned(grey, quarters) {
  if (!quarters) return grey;
  const { width, height, data } = turned(grey, quarters - 1);
  const at = (_, index) => data[(index % height) * width + width - 1 - Math.floor(index / height)];
  return { width: height, height: width, data: Uint8Array.from(data, at) };
}

/** The frame that a matrix (photo px -> frame px) describes, FRAME x FRAME, as `fkd.photo.crop.crop` cuts it. */
export function crop(grey, matrix) {
  const back = invert(matrix);
  const step = Math.sqrt(Math.abs(determinant(back)));
  const reach = 3 * Math.max(step, 1);
  const corners = [[0, 0], [FRAME, 0], [0, FRAME], [FRAME, FRAME]].map((corner) => apply(back, corner));
  const [[left, right], [top, bottom]] = [grey.width, grey.height].map((side, axis) => {
    const places = corners.map((corner) => corner[axis]);
    const low = Math.min(Math.max(Math.floor(Math.min(...places) - reach), 0), side - 1);
    return [low, Math.min(Math.max(Math.ceil(Math.max(...places) + reach), low + 1), side)];
  });
  let part = cut(grey, left, top, right, bottom);
  if (step > 1) part = resize(part, [part.width, part.height].map((side) => Math.ceil(side / step)), "bicubic");
  const [across, down] = [part.width / (right - left), part.height / (bottom - top)];
  const [a, b, d, e] = [across * back[0], across * back[1], down * back[3], down * back[4]];
  const shiftX = across * (back[2] + 0.5 - left) - (a + b) / 2;
  const shiftY = down * (back[5] + 0.5 - top) - (d + e) / 2;
  const frame = new Uint8Array(FRAME * FRAME);
  for (let y = 0; y < FRAME; y++) {
    for (let x = 0; x < FRAME; x++) {
      const u = a * (x + 0.5) + b * (y + 0.5) + shiftX;
      const v = d * (x + 0.5) + e * (y + 0.5) + shiftY;
      frame[y * FRAME + x] = Math.min(255, Math.max(0, round(sample(part, u - 0.5, v - 0.5))));
    }
  }
  return frame;
}

/** Keys' cubic through four values, a = -1. */
function between(v1, v2, v3, v4, d) {
  return v2 + d * (v3 - v1 + d * (2 * (v1 - v2) + v3 - v4 + d * (v2 - v1 + v4 - v3)));
}

const four = new Float64Array(4);

/** The value at a place between pixels, bicubic; the edge is repeated. */
function sample({ width, height, data }, u, v) {
  const [x, y] = [Math.floor(u), Math.floor(v)];
  const [last, d] = [width - 1, u - x];
  const x0 = Math.min(Math.max(x - 1, 0), last);
  const x1 = Math.min(Math.max(x, 0), last);
  const x2 = Math.min(Math.max(x + 1, 0), last);
  const x3 = Math.min(Math.max(x + 2, 0), last);
  for (let row = 0; row < 4; row++) {
    const at = Math.min(Math.max(y - 1 + row, 0), height - 1) * width;
    four[row] = between(data[at + x0], data[at + x1], data[at + x2], data[at + x3], d);
  }
  return between(four[0], four[1], four[2], four[3], v - y);
}
