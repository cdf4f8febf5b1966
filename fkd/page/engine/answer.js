// A grey photo -> its faces with keypoints by several networks, as fkd/photo/predict.py and detectors/network.py.
// networks: {name: {rmse, run}}; run: an async function of frames -> {points, uncertainty?}, Float32Arrays.
import * as K from "./constants.js";
import { alignMatrix, apply, boxOf, compose, determinant, frameMatrix, invert } from "./frames.js";
import { findFaces, glance, isApart } from "./finder.js";
import { crop } from "./pixels.js";

const COUNT = K.NAMES.length;
const AT_ONCE = 8; // frames in a batch: more take memory and gain nothing on one thread
const FOLLOWED = 2; // maximum doubt of a tracked face
const SEARCH_EVERY = 15; // frames of a video, for faces that have come
const CHECK_EVERY = 5; // frames of a video, that a tracked face still is one: by its mirror image
const MOST_TRACKED = 4; // faces in a video
const VIEWS = K.VIEWS.map((view) => view.flat());

/** An error whose text is written for the user. */
export class EngineError extends Error {}

/** As `fkd.photo.comparison.compare`. boxes: [[x0, y0, x1, y1]] px instead of a search; turns: of these, degrees. */
export async function answer(photo, networks, yunet, { boxes, turns = [], whole = false, averaged = false } = {}) {
  let found;
  if (boxes) found = boxes.map((box, index) => ({ box: checked(box), score: null, turn: turns[index] ?? 0 }));
  else if (whole) found = [{ box: [-0.5, -0.5, photo.width - 0.5, photo.height - 0.5], score: 1, turn: 0 }];
  else found = await confirmed((await findFaces(photo, yunet)).slice(0, K.MOST_FACES), photo, networks);
  const models = {};
  for (const [name, network] of Object.entries(networks)) {
    const faces = await inBoxes(photo, found, name, network, averaged);
    models[name] = { faces: faces.map((face, index) => toJson(found[index].box, face)) };
  }
  return {
    width: photo.width,
    height: photo.height,
    boxes: found.map(({ box }) => box.map(rounded)),
    scores: found.map(({ score }) => score),
    turns: found.map(({ turn }) => turn),
    models,
  };
}

/** Faces {box, models: {name: {points, spread, doubt}}} of a video's frame, given those of the frame before.
 *
 * A face is tracked by one crop around its points before, so its answer is not the mean with its mirror image's;
 * that is only looked at now and then, as a check. all: all faces, not just the largest.
 */
export async function follow(frame, networks, yunet, before, { all = false, number = 0 } = {}) {
  const check = number % CHECK_EVERY === 0;
  const tracked = [];
  for (const face of before) {
    const models = {};
    const matrix = alignMatrix(surest(face.models).points, K.MEAN);
    for (const [name, network] of Object.entries(networks)) {
      const [{ own, spread, difference }] = await look(frame, [matrix], name, network, check);
      const doubt = check ? (2 * difference) / network.rmse : (face.models[name]?.doubt ?? 0);
      models[name] = { points: own, spread, doubt };
    }
    const moved = { models, box: boxOf(invert(alignMatrix(surest(models).points, K.MEAN))) };
    const isSame = tracked.some((other) => !isApart(other, moved));
    if (surest(models).doubt <= FOLLOWED && !isSame && isInside(moved.box, frame)) tracked.push(moved);
  }
  if (!tracked.length || (all && number % SEARCH_EVERY === 0)) {
    const found = (await glance(frame, yunet)).filter((face) => tracked.every((other) => isApart(other, face)));
    for (const face of found.slice(0, all ? MOST_TRACKED - tracked.length : 1)) {
      const models = {};
      for (const [name, network] of Object.entries(networks)) {
        [models[name]] = await inBoxes(frame, [face], name, network, false);
      }
      if (surest(models).doubt <= FOLLOWED) tracked.push({ models, box: face.box });
    }
  }
  const size = ({ box }) => box[2] - box[0];
  return all ? tracked : tracked.sort((a, b) => size(b) - size(a)).slice(0, 1);
}

const surest = (models) => Object.values(models).reduce((a, b) => (b.doubt < a.doubt ? b : a));

const isInside = ([x0, y0, x1, y1], { width, height }) => {
  const [x, y] = [(x0 + x1) / 2, (y0 + y1) / 2];
  return x > 0 && y > 0 && x < width && y < height && x1 - x0 > K.SHORTEST / 2;
};

function checked(box) {
  const [x0, y0, x1, y1] = box;
  if (box.length === 4 && box.every(Number.isFinite) && x1 > x0 && y1 > y0) return box;
  throw new EngineError("That is not a box in the photo: draw it again.");
}

/** The boxes without the weak ones that a network doubts. */
async function confirmed(found, photo, networks) {
  let weak = found.filter(({ score }) => score < K.SURE);
  for (const [name, network] of Object.entries(networks)) {
    const faces = await inBoxes(photo, weak, name, network, false);
    weak = weak.filter((_, index) => faces[index].doubt <= K.CONFIRMED);
  }
  return found.filter((face) => face.score >= K.SURE || weak.includes(face));
}

/** The faces in boxes {points, spread, doubt}, px of the photo: cropped by the box, then so that the points match. */
async function inBoxes(photo, boxes, name, network, averaged) {
  const faces = [];
  const first = await look(photo, boxes.map(({ box, turn }) => frameMatrix(box, turn)), name, network, true);
  const matrices = first.map(({ points }) => alignMatrix(points, K.MEAN));
  const aligned = await look(photo, matrices, name, network, true);
  for (const [index, { points, spread, difference }] of aligned.entries()) {
    const doubt = (first[index].difference + difference) / network.rmse;
    faces.push({ points: averaged ? await average(photo, points, name, network) : points, spread, doubt });
  }
  return faces;
}

/** The mean points over VIEWS of a face. */
async function average(photo, points, name, network) {
  const aligned = alignMatrix(points, K.MEAN);
  const views = await look(photo, VIEWS.map((view) => compose(view, aligned)), name, network, true);
  return points.map((_, point) => [0, 1].map((axis) => {
    return views.reduce((sum, view) => sum + view.points[point][axis], 0) / views.length;
  }));
}

/** The answers for the crops that matrices (photo px -> frame px) describe: points and spread in photo px.
 *
 * mirror: also for their mirror images: `points` are the mean of both, `own` those of the crop, and `difference` is half
 * the mean distance between both, frame px.
 */
async function look(photo, matrices, name, network, mirror) {
  const answers = [];
  for (const matrix of matrices) answers.push({ back: invert(matrix), frames: framesOf(crop(photo, matrix), mirror) });
  const frames = answers.flatMap((each) => each.frames);
  const parts = [];
  for (let start = 0; start < frames.length; start += AT_ONCE) {
    const batch = frames.slice(start, start + AT_ONCE);
    const outputs = await network.run(batch);
    checkRange(name, outputs);
    parts.push(...batch.map((_, index) => slice(outputs, index)));
  }
  return answers.map(({ back }, index) => {
    const [{ points, spread }, flipped] = mirror ? parts.slice(2 * index, 2 * index + 2) : [parts[index]];
    const scale = Math.sqrt(Math.abs(determinant(back)));
    const own = points.map((at) => apply(back, at));
    const look = { points: own, own, spread: spread && Array.from(spread, (value) => value * scale) };
    if (!mirror) return look;
    const others = K.MIRROR.map((from) => [K.FRAME - 1 - flipped.points[from][0], flipped.points[from][1]]);
    look.points = points.map(([x, y], at) => apply(back, [(x + others[at][0]) / 2, (y + others[at][1]) / 2]));
    const apart = points.reduce((sum, [x, y], at) => sum + Math.hypot(x - others[at][0], y - others[at][1]), 0);
    return { ...look, difference: apart / COUNT / 2 };
  });
}

function framesOf(frame, mirror) {
  if (!mirror) return [frame];
  const flipped = new Uint8Array(frame.length);
  for (let row = 0; row < frame.length; row += K.FRAME) {
    flipped.set(frame.slice(row, row + K.FRAME).reverse(), row);
  }
  return [frame, flipped];
}

function checkRange(name, outputs) {
  for (const [output, values] of Object.entries(outputs)) {
    if (values.every((value) => Math.abs(value) < K.MAX_PX)) continue; // not where it is NaN
    throw new EngineError(`${name}: ${output} is not finite, or far outside the frame`);
  }
}

function slice(outputs, index) {
  const values = outputs[K.POINTS].subarray(index * COUNT * 2, (index + 1) * COUNT * 2);
  const points = Array.from({ length: COUNT }, (_, at) => [values[2 * at], values[2 * at + 1]]);
  return { points, spread: outputs[K.UNCERTAINTY]?.subarray(index * COUNT, (index + 1) * COUNT) };
}

const rounded = (value) => Math.round(value * 100) / 100;

/** A face as `fkd.photo.face.Face.to_json`. */
function toJson(box, { points, spread }) {
  const named = (values) => Object.fromEntries(K.NAMES.map((name, index) => [name, values[index]]));
  const face = { box: box.map(rounded), points: named(points.map((at) => at.map(rounded))) };
  return spread ? { ...face, spread: named(spread.map(rounded)) } : face;
}
