// A grey photo -> its faces with keypoints by several networks, as fkd/photo/predict.py and detectors/network.py.
// networks: [{name, rmse, run}]; run: an async function of frames, Uint8Array -> {points, uncertainty?}, Float32Arrays.
import * as K from "./constants.js";
import { alignMatrix, apply, boxOf, determinant, frameMatrix, invert } from "./frames.js";
import { findFaces, glance, isApart, side } from "./finder.js";
import { crop } from "./pixels.js";

const COUNT = K.NAMES.length;
const FOLLOWED = 2; // maximum doubt of a tracked face
const SEARCH_EVERY = 15; // frames of a video, for faces that have come
const CHECK_EVERY = 5; // frames of a video, that a tracked face still is one: by its mirror image
const MOST_TRACKED = 4; // faces in a video

/** An error whose text is written for the user. */
export class EngineError extends Error {}

/** As `fkd.photo.comparison.compare`. boxes: [[x0, y0, x1, y1]] px instead of a search; turns: of these, degrees. */
export async function answer(photo, networks, yunet, { boxes, turns = [], whole = false } = {}) {
  const { width, height } = photo;
  let found;
  if (boxes) found = boxes.map((box, index) => ({ box: checked(box), score: null, turn: turns[index] ?? 0 }));
  else if (whole) found = [{ box: [-0.5, -0.5, width - 0.5, height - 0.5], score: 1, turn: 0 }];
  else found = await confirmed((await findFaces(photo, yunet)).slice(0, K.MOST_FACES), photo, networks);
  const models = {};
  for (const network of networks) {
    const faces = [];
    for (const face of found) faces.push(toJson(face.box, await inBox(photo, face, network)));
    models[network.name] = { faces };
  }
  const [scores, all] = [found.map(({ score }) => score), found.map(({ turn }) => turn)];
  return { width, height, boxes: found.map(({ box }) => box.map(rounded)), scores, turns: all, models };
}

/** Faces {box, models: {name: {points, spread, doubt}}} of a video's frame, given those of the frame before.
 *
 * A face is tracked by one crop around its surest points before, so its answer is not the mean with its mirror image's;
 * that is only looked at now and then, as a check. all: all faces, not just the largest.
 */
export async function follow(frame, networks, yunet, before, { all = false, number = 0 } = {}) {
  const tracked = [];
  for (const face of before) {
    const check = number % CHECK_EVERY === 0 || networks.some(({ name }) => !face.models[name]);
    const matrix = alignMatrix(surest(face).points, K.MEAN);
    const moved = { models: {} };
    for (const network of networks) {
      const { own, spread, difference } = await look(frame, matrix, network, check);
      const apart = check ? 2 * difference : face.models[network.name].apart;
      moved.models[network.name] = { points: own, spread, apart, doubt: apart / network.rmse };
    }
    moved.box = boxOf(invert(alignMatrix(surest(moved).points, K.MEAN)));
    if (isFace(moved, frame) && tracked.every((other) => isApart(other, moved))) tracked.push(moved);
  }
  if (!tracked.length || (all && number % SEARCH_EVERY === 0)) {
    const found = (await glance(frame, yunet)).filter((face) => tracked.every((other) => isApart(other, face)));
    for (const face of found.slice(0, all ? MOST_TRACKED - tracked.length : 1)) {
      const models = {};
      for (const network of networks) models[network.name] = await inBox(frame, face, network);
      if (isFace({ ...face, models }, frame)) tracked.push({ box: face.box, models });
    }
  }
  return all ? tracked : tracked.sort((a, b) => side(b) - side(a)).slice(0, 1);
}

const least = (models, key) => Object.values(models).reduce((a, b) => (b[key] < a[key] ? b : a));
const surest = ({ models }) => least(models, "apart");

function isFace({ box: [x0, y0, x1, y1], models }, { width, height }) {
  const isInside = x0 + x1 > 0 && y0 + y1 > 0 && x0 + x1 < 2 * width && y0 + y1 < 2 * height;
  return isInside && x1 - x0 > K.SHORTEST / 2 && least(models, "doubt").doubt <= FOLLOWED;
}

function checked(box) {
  const [x0, y0, x1, y1] = box;
  if (box.length === 4 && box.every(Number.isFinite) && x1 > x0 && y1 > y0) return box;
  throw new EngineError("That is not a box in the photo: draw it again.");
}

/** The boxes without the weak ones that a network doubts. */
async function confirmed(found, photo, networks) {
  const kept = [];
  for (const face of found) {
    let isSure = true;
    for (const network of face.score < K.SURE ? networks : []) {
      isSure &&= (await inBox(photo, face, network)).doubt <= K.CONFIRMED;
    }
    if (isSure) kept.push(face);
  }
  return kept;
}

/** The face in a box {points, spread, doubt}, px of the photo: cropped by the box, then so that the points match. */
async function inBox(photo, { box, turn }, network) {
  const first = await look(photo, frameMatrix(box, turn), network, true);
  const { points, spread, difference } = await look(photo, alignMatrix(first.points, K.MEAN), network, true);
  const apart = first.difference + difference;
  return { points, spread, apart, doubt: apart / network.rmse };
}

/** The answer for the crop that a matrix (photo px -> frame px) describes: points and spread in photo px.
 *
 * mirror: also for its mirror image: `points` are the mean of both, `own` those of the crop, and `difference` is half
 * the mean distance between both, frame px.
 */
async function look(photo, matrix, { name, run }, mirror) {
  const back = invert(matrix);
  const size = K.FRAME * K.FRAME;
  const frames = new Uint8Array(mirror ? 2 * size : size);
  frames.set(crop(photo, matrix));
  for (let at = size; at < frames.length; at++) frames[at] = frames[at - size + K.FRAME - 1 - 2 * (at % K.FRAME)];
  const outputs = await run(frames);
  for (const [output, values] of Object.entries(outputs)) {
    if (values.every((value) => Math.abs(value) < K.MAX_PX)) continue; // not where it is NaN
    throw new EngineError(`${name}: ${output} is not finite, or far outside the frame`);
  }
  const at = (index) => [...outputs[K.POINTS].subarray(2 * index, 2 * index + 2)];
  const own = K.NAMES.map((_, index) => at(index));
  const scale = Math.sqrt(Math.abs(determinant(back)));
  const spread = outputs[K.UNCERTAINTY] && Array.from(outputs[K.UNCERTAINTY].subarray(0, COUNT), (each) => each * scale);
  const toPhoto = (points) => points.map((point) => apply(back, point));
  if (!mirror) return { own: toPhoto(own), spread };
  const flipped = K.MIRROR.map((index) => at(COUNT + index)).map(([x, y]) => [K.FRAME - 1 - x, y]);
  const points = own.map(([x, y], index) => [(x + flipped[index][0]) / 2, (y + flipped[index][1]) / 2]);
  const apart = own.map(([x, y], index) => Math.hypot(x - flipped[index][0], y - flipped[index][1]));
  const difference = apart.reduce((sum, each) => sum + each, 0) / COUNT / 2;
  return { own: toPhoto(own), points: toPhoto(points), spread, difference };
}

const rounded = (value) => Math.round(value * 100) / 100;

/** A face as `fkd.photo.face.Face.to_json`. */
function toJson(box, { points, spread }) {
  const named = (values) => Object.fromEntries(K.NAMES.map((name, index) => [name, values[index]]));
  const face = { box: box.map(rounded), points: named(points.map((at) => at.map(rounded))) };
  return spread ? { ...face, spread: named(spread.map(rounded)) } : face;
}
