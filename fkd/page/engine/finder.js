// A grey photo -> where its faces are, as fkd/photo/finder.py: {box: [x0, y0, x1, y1], score, turn}, px and degrees.
// network: YuNet, an async function of (pixels, height, width) -> its outputs by name, {dims, data} each.
import * as K from "./constants.js";
import { alignMatrix, boxOf, rotation, round } from "./frames.js";
import { lit, resize, shrunk, turned } from "./pixels.js";

const GLANCE = 320; // longest side of the one look at a frame of a video, px
const LAST = K.STRIDES[K.STRIDES.length - 1];
const EYES_NOSE_MOUTH = K.EYES_NOSE_MOUTH.map((index) => K.MEAN[index]);
export const side = ({ box }) => box[2] - box[0];

/** The faces of a photo, largest first: a first look, and more where that is not sure, or faces are small. */
export async function findFaces(photo, network) {
  const longest = Math.max(photo.width, photo.height);
  const grey = lit(shrunk(photo, K.LARGE));
  const zoom = longest / Math.max(grey.width, grey.height);
  let faces = await look(grey, 0, K.LOOK, zoom, network);
  if (best(faces) < K.SURE) {
    for (const [turn, size] of K.MORE_LOOKS) {
      const others = await look(grey, turn, size, zoom, network);
      if (best(others) > best(faces)) faces = others;
    }
  } else if (Math.max(...faces.map(side)) < K.SMALL * longest) {
    faces = suppress([...faces, ...(await look(grey, 0, K.LARGE, zoom, network))]);
  }
  const sure = faces.filter(({ score }) => score >= K.SURE);
  if (longest > K.LARGE && (sure.length ? Math.min(...sure.map(side)) : 0) < K.TINY * longest) {
    const large = lit(shrunk(photo, K.HUGE));
    const size = Math.max(large.width, large.height);
    faces = suppress([...faces, ...(await look(large, 0, size, longest / size, network))]);
  }
  return faces.sort((a, b) => side(b) - side(a));
}

/** The upright faces that one small look is sure of, largest first, in a frame of a video. */
export async function glance(frame, network) {
  const grey = lit(shrunk(frame, K.LARGE));
  const zoom = Math.max(frame.width, frame.height) / Math.max(grey.width, grey.height);
  const faces = await look(grey, 0, GLANCE, zoom, network);
  return faces.filter(({ score }) => score >= K.SURE).sort((a, b) => side(b) - side(a));
}

/** Whether two faces {box} are not the same one. */
export function isApart(face, other) {
  const [x, y] = [0, 1].map((axis) => face.box[axis] + face.box[axis + 2] - other.box[axis] - other.box[axis + 2]);
  return Math.hypot(x, y) / 2 > K.APART * Math.max(side(face), side(other));
}

const weighed = ({ score, turn }) => score - (turn >= 90 && turn <= 270 ? K.LYING_COST : 0);
const best = (faces) => Math.max(0, ...faces.map(weighed));

/** The faces in a picture that is resized and turned by quarters; boxes in px of one `zoom` times as large. */
async function look(grey, turn, longest, zoom, network) {
  const scale = longest / Math.max(grey.width, grey.height);
  const size = [grey.width, grey.height].map((length) => Math.max(1, round(length * scale)));
  const picture = turned(resize(grey, size, "bilinear"), turn / 90);
  const [a, b, d, e] = rotation(turn); // back, since it is turned the other way
  const found = await detect(picture, network);
  const toPhoto = ([x, y]) => {
    const [u, v] = [x - (picture.width - 1) / 2, y - (picture.height - 1) / 2];
    const back = [a * u + d * v + (size[0] - 1) / 2, b * u + e * v + (size[1] - 1) / 2];
    return back.map((value) => ((value + 0.5) * zoom) / scale - 0.5);
  };
  return suppress(found.map(({ score, points }) => frameOf(score, points.map(toPhoto))));
}

/** Candidates {score, points: [5][2] px}; one face has several, from neighbouring cells. */
async function detect({ width, height, data }, network) {
  const [wide, high] = [width, height].map((length) => LAST * Math.ceil(length / LAST));
  const pixels = new Float32Array(wide * high);
  for (let y = 0; y < height; y++) pixels.set(data.subarray(y * width, (y + 1) * width), y * wide);
  const outputs = await network(pixels, high, wide);
  return K.STRIDES.flatMap((stride) => decode(stride, outputs[`scores_${stride}`], outputs[`points_${stride}`].data));
}

/** YuNet's answers at one stride: a score and five points per cell, in strides from the cell. */
export function decode(stride, scores, points) {
  const [, , rows, columns] = scores.dims;
  const found = [];
  scores.data.forEach((score, cell) => {
    if (score < K.LOWEST) return;
    const [x, y] = [cell % columns, Math.floor(cell / columns)];
    const offset = (number) => points[number * rows * columns + cell];
    const place = (_, point) => [stride * (x + offset(2 * point)), stride * (y + offset(2 * point + 1))];
    found.push({ score, points: Array.from({ length: 5 }, place) });
  });
  return found;
}

/** The frame that puts the mean face on YuNet's points, px, by least squares. */
export function frameOf(score, points) {
  const back = alignMatrix(EYES_NOSE_MOUTH, points);
  const turn = K.STEP * round((Math.atan2(back[3], back[0]) * 180) / Math.PI / K.STEP);
  return { box: boxOf(back), score, turn: (turn + 360) % 360 };
}

/** Of boxes on one face the one with the best score. */
function suppress(faces) {
  const chosen = [];
  for (const face of [...faces].sort((a, b) => b.score - a.score)) {
    if (chosen.every((other) => isApart(face, other))) chosen.push(face);
  }
  return chosen;
}
