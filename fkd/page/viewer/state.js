// The state of the viewer, queries on it, and the parts of its template. Every module works on the same, latest viewer.
import { distance, eyeDistance, words } from "./geometry.js";

const SVG = "http://www.w3.org/2000/svg";
const SVG_TAGS = new Set(["svg", "g", "path", "rect", "circle", "image", "text", "clipPath", "style"]);
// One shape per model, in pixels of the screen, for the colour-blind: outlines, so that the photo stays visible.
export const SHAPES = [
  "M-5 0a5 5 0 1 0 10 0a5 5 0 1 0-10 0z",
  "M-4.6-4.6h9.2v9.2h-9.2z",
  "M0-6.2L6 4H-6z",
  "M0-6.6L6.6 0 0 6.6-6.6 0z",
];
const shapes = new Map(); // a model keeps its shape while it is shown
export const shapeOf = (model) => SHAPES[shapes.get(state.data.models[model].name)];

export function chooseShapes() {
  const names = state.data.models.map(({ name }) => name);
  for (const name of shapes.keys()) if (!names.includes(name)) shapes.delete(name);
  for (const name of names) {
    const taken = [...shapes.values()];
    if (!shapes.has(name)) shapes.set(name, [...SHAPES.keys()].find((shape) => !taken.includes(shape)));
  }
}

export const CROSS = "M-5 0H5M0-5V5";

export const settings = {
  mode: "side", // or "one" or "slider"
  layers: { points: true, lines: true, boxes: false, uncertainty: false, truth: false },
};

export const state = {};
export let root, stage, trigger;

/** Starts with an element: Gradio makes a new one whenever a hidden viewer is shown again. The settings stay. */
export function attach(element, tell) {
  root = element.querySelector(".viewer");
  stage = find(".stage");
  trigger = tell;
  Object.assign(state, {
    data: null, // the value, a plain copy
    panels: [], // what is on the screen now
    view: null, // the part of the photo that every panel shows
    aspect: 1, // its width over its height
    chosen: 0, // a face
    split: 0.5, // position of its divider
    active: null, // the point in the tip
    tool: null, // "draw" or "correct" a box, "place" or "adjust" the points
    draft: null, // {box, face} or {points, face, next} being drawn or corrected
    deleted: null, // the last deleted box
    summary: null, // the answer in words, of `summarize`
  });
}

export const find = (selector) => root.querySelector(selector);
export const findAll = (selector) => [...root.querySelectorAll(selector)];

/** An element; children that are strings become text, never HTML: names come from strangers. */
export function make(tag, attributes = {}, ...children) {
  const node = SVG_TAGS.has(tag) ? document.createElementNS(SVG, tag) : document.createElement(tag);
  set(node, attributes);
  node.append(...children);
  return node;
}

export function set(node, attributes) {
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
}

/** Saves a blob as a file. */
export function download(blob, name) {
  const link = make("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

/** A line with a dark halo, readable on any photo. */
export function haloed(d, stroke) {
  return [make("path", { class: "halo", d }), make("path", { class: "ink", d, stroke })];
}

export const boxOf = (face) => state.data.boxes[face];
export const faceCount = () => state.data.boxes.length;
export const pointOf = (model, face, index) => state.data.models[model]?.faces[face]?.points[index] ?? null;

/** Slider and side by side need two models; the choice is kept for the next photo. Points are placed in one picture. */
export const mode = () => (state.data.models.length < 2 || state.draft?.points ? "one" : settings.mode);

export function possible(layer) {
  const { models, truth } = state.data;
  if (layer === "uncertainty") return models.some((model) => model.faces.some((face) => face.spread));
  return layer !== "truth" || Boolean(truth);
}

/** While points are placed by hand, those of the models are hidden. */
export const drawn = (layer) => settings.layers[layer] && possible(layer) && !state.draft?.points;

/** Lines of text: the point's name, its place, and how far the first two models differ. */
export function numbers({ model, face, index, at }) {
  const { models, names } = state.data;
  const radius = models[model].faces[face].spread?.[index];
  const place = `${models[model].name}: x ${at[0].toFixed(1)}, y ${at[1].toFixed(1)}`;
  const lines = [words(names[index]), place + (radius ? `, ± ${radius.toFixed(1)} px` : "")];
  const [a, b] = [0, 1].map((which) => pointOf(which, face, index));
  if (!a || !b) return lines;
  const eyes = ["left_eye_center", "right_eye_center"].map((name) => names.indexOf(name));
  const ocular = eyeDistance([0, 1].map((which) => eyes.map((eye) => pointOf(which, face, eye))));
  const share = ocular ? `, ${((100 * distance(a, b)) / ocular).toFixed(1)}% of the eye distance` : "";
  return [...lines, `${models[0].name} and ${models[1].name}: ${distance(a, b).toFixed(1)} px apart${share}`];
}
