// The parts of the template, and makers of what is drawn in them. `element` comes from Gradio. The template never
// changes, so Gradio never touches what is drawn here.
const SVG = "http://www.w3.org/2000/svg";
const SVG_TAGS = new Set(["svg", "g", "path", "rect", "circle", "image", "text", "clipPath"]);

export const root = element.querySelector(".viewer");
export const find = (selector) => root.querySelector(selector);
export const findAll = (selector) => [...root.querySelectorAll(selector)];
export const stage = find(".stage");
export const panelsBox = find(".panels");
export const tip = find(".tip");

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

/** A line with a dark halo, readable on any photo. */
export function haloed(d, stroke) {
  return [make("path", { class: "halo", d }), make("path", { class: "ink", d, stroke })];
}
