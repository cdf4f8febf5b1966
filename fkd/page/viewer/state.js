// The state of the viewer, and queries on it.
import { distance, eyeDistance, words } from "./geometry.js";

const LAYERS = ["points", "lines", "boxes", "names", "differences", "uncertainty", "truth"];
const MODES = ["side", "one", "slider"];

/** View settings from the URL: ?mode=slider&layers=points,lines. */
function fromAddress() {
  const asked = new URLSearchParams(location.search);
  const on = asked.has("layers") ? asked.get("layers").split(",") : ["points", "lines", "boxes"];
  return {
    mode: MODES.includes(asked.get("mode")) ? asked.get("mode") : "side",
    layers: Object.fromEntries(LAYERS.map((layer) => [layer, on.includes(layer)])),
  };
}

// The settings outlive this element: Gradio makes a new one whenever a hidden viewer is shown again.
export const memory = (window.fkdViewerMemory ??= fromAddress());

export function toAddress() {
  const on = LAYERS.filter((layer) => memory.layers[layer]);
  window.fkd?.remember({ mode: memory.mode, layers: on.join(",") || "none" });
}

export const state = {
  data: null, // the value, a plain copy
  panels: [], // what is on the screen now
  view: null, // the part of the photo that every panel shows
  aspect: 1, // its width over its height
  chosen: 0, // a face
  pair: [0, 1], // the slider's models
  split: 0.5, // position of its divider
  active: null, // the point in the tip
  tool: null, // "draw" or "correct" a box, or correct "points"
  draft: null, // {box, face} being drawn or corrected
  corrected: {}, // points that the visitor has moved, [15] places by face
};

export function faceCount() {
  const { models, truth } = state.data;
  return Math.max(0, ...models.map((model) => model.faces.length), truth?.length ?? 0);
}

export const pointOf = (model, face, index) => state.data.models[model].faces[face]?.points?.[index] ?? null;

export function boxOf(face, models = state.data.models.keys()) {
  for (const model of models) {
    const box = state.data.models[model].faces[face]?.box;
    if (box) return box;
  }
  return null;
}

/** Slider needs two models; the choice is kept for the next photo. */
export const mode = () => (state.data.models.length < 2 ? "one" : memory.mode);

export function possible(layer) {
  const { models, truth } = state.data;
  if (layer === "differences") return models.length > 1;
  if (layer === "uncertainty") return models.some((model) => model.faces.some((face) => face.spread));
  return layer !== "truth" || Boolean(truth);
}

export const drawn = (layer) => memory.layers[layer] && possible(layer);

/** Scale of the marks on a face, at most 1: on small faces they shrink. */
export function faceScale(face, px) {
  const box = boxOf(face);
  return box ? Math.min(1, Math.max(0.4, (box[2] - box[0]) / px / 160)) : 1;
}

/** Lines of text: the point's name, its place, and how far the first two models of the picture are apart. */
export function numbers({ model, face, index, at }) {
  const { models, names } = state.data;
  const radius = models[model].faces[face].spread?.[index];
  const place = `${models[model].name}: x ${at[0].toFixed(1)}, y ${at[1].toFixed(1)}`;
  const lines = [words(names[index]), place + (radius ? `, ± ${radius.toFixed(1)} px` : "")];
  if (models.length < 2) return lines;
  const two = mode() === "slider" ? state.pair : [0, 1];
  const [a, b] = two.map((which) => pointOf(which, face, index));
  if (!a || !b) return lines;
  const apart = distance(a, b);
  const eyes = ["left_eye_center", "right_eye_center"].map((name) => names.indexOf(name));
  const ocular = eyeDistance(two.map((which) => eyes.map((eye) => pointOf(which, face, eye))));
  const share = ocular > 0 ? `, ${((100 * apart) / ocular).toFixed(1)}% of the eye distance` : "";
  const [first, second] = two.map((which) => models[which].name);
  return [...lines, `${first} and ${second}: ${apart.toFixed(1)} px apart${share}`];
}
