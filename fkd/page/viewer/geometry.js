// Pure geometry, without the page and without state. A place is [x, y] and a box [x0, y0, x1, y1], both in pixels
// of the photo, (0, 0) the centre of its top-left pixel; a view {x, y, w, h} is the part of the photo that is shown.
export const HANDLES = [[0, 0], [0.5, 0], [1, 0], [1, 0.5], [1, 1], [0.5, 1], [0, 1], [0, 0.5]]; // shares of a box
const MAX_ZOOM = 40; // px of the screen for one of the photo
const KNOB = 40; // px, as --knob in the style

export const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
export const distance = (a, b) => Math.hypot(a[0] - b[0], a[1] - b[1]);

// ---- views

export const inView = ({ x, y, w, h }, at) => at[0] >= x && at[0] <= x + w && at[1] >= y && at[1] <= y + h;

/** The nearest view that does not leave the photo, the photo in the middle where it is smaller than the view.
 *
 * photo: {width, height}. aspect: the view's width over its height. frame: its width on the screen, px.
 */
export function within({ x, y, w }, photo, aspect, frame) {
  const widest = Math.max(photo.width, photo.height * aspect);
  const narrowest = Math.min(widest, frame / MAX_ZOOM);
  const kept = clamp(w, narrowest, widest);
  const along = (at, size, side) => (size >= side ? (side - size) / 2 : clamp(at + 0.5, 0, side - size)) - 0.5;
  return { x: along(x, kept, photo.width), y: along(y, kept / aspect, photo.height), w: kept, h: kept / aspect };
}

/** A view made w wide so that one place stays where it is on the screen. */
export function resized(view, w, [x, y]) {
  return { x: x - ((x - view.x) * w) / view.w, y: y - ((y - view.y) * w) / view.w, w };
}

/** A view with a box in its middle, and some room around it. */
export function around([x0, y0, x1, y1], aspect) {
  const w = 1.5 * Math.max(x1 - x0, (y1 - y0) * aspect);
  return { x: (x0 + x1 - w) / 2, y: (y0 + y1 - w / aspect) / 2, w };
}

/** The place of the photo at a point of the window; rect: the picture's {left, top, width, height} there. */
export function toPhoto(view, { left, top, width, height }, [x, y]) {
  return [view.x + ((x - left) / width) * view.w, view.y + ((y - top) / height) * view.h];
}

/** The divider's share of the width: a range's knob stops half its own width before each end. */
export const dividerAt = (width, split) => (KNOB / 2 + split * (width - KNOB)) / width;

// ---- boxes

/** The box with its corners in order, cut off at the photo's edges. */
export function tidy([x0, y0, x1, y1], { width, height }) {
  const fit = (value, side) => clamp(value, -0.5, side - 0.5);
  const [xs, ys] = [[fit(x0, width), fit(x1, width)], [fit(y0, height), fit(y1, height)]];
  return [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)];
}

/** Where a handle of the box is; fx, fy: one of HANDLES. */
export const handleAt = ([x0, y0, x1, y1], fx, fy) => [x0 + fx * (x1 - x0), y0 + fy * (y1 - y0)];

/** The box after a handle moved by dx, dy: one in the middle of a side moves that side alone. */
export function moveHandle({ fx, fy }, box, dx, dy) {
  const moved = [...box];
  if (fx !== 0.5) moved[2 * fx] += dx;
  if (fy !== 0.5) moved[1 + 2 * fy] += dy;
  return moved;
}

/** The index of the smallest box around a place, or null; a box may be null. */
export function smallestAround(boxes, [x, y]) {
  const inside = [...boxes.entries()].filter(
    ([, box]) => box && x >= box[0] && x <= box[2] && y >= box[1] && y <= box[3],
  );
  const area = ([, box]) => (box[2] - box[0]) * (box[3] - box[1]);
  return inside.sort((a, b) => area(a) - area(b))[0]?.[0] ?? null;
}

// ---- points

/** The nearest of some things with a place `at` (or a function that returns it), or null if none is within reach. */
export function nearest(things, at, reach) {
  let [best, least] = [null, reach];
  for (const thing of things) {
    const far = distance(typeof thing.at === "function" ? thing.at() : thing.at, at);
    if (far < least) [best, least] = [thing, far];
  }
  return best;
}

/** The mean distance of the pairs of eyes, or 0 if a place is missing. */
export function eyeDistance(pairs) {
  if (!pairs.flat().every(Boolean)) return 0;
  return pairs.reduce((sum, [left, right]) => sum + distance(left, right) / pairs.length, 0);
}

// ---- frames of a clip; times: s, one for each frame, ascending

/** The number of the frame nearest to a time. */
export function frameAt(times, time) {
  const after = times.findIndex((each) => each >= time);
  if (after < 0) return times.length - 1;
  return after > 0 && time - times[after - 1] < times[after] - time ? after - 1 : after;
}

/** The time in the middle of a frame; end: of the clip, s. */
export const middleOf = (times, frame, end) => (times[frame] + (times[frame + 1] ?? end)) / 2;

export const words = (name) => name.replaceAll("_", " ");
