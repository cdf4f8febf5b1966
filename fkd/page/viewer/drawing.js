// The panels: one picture each, with the marks of some models. zoom.js moves the marks with the view.
import { HANDLES, handleAt, sameBox } from "./geometry.js";
import { find, findAll, haloed, make, panelsBox, stage } from "./elements.js";
import { boxOf, drawn, faceCount, memory, mode, numbers, pointOf, possible, state } from "./state.js";
import { CROSS, SHAPES } from "./shapes.js";
import { place } from "./zoom.js";

const KEYS = "Picture: arrow keys move it, plus and minus zoom, 0 shows all of it, Tab goes to the points";
const HINTS = {
  draw: "Drag around a face, or press Enter on the picture for a box to adjust. Shift: a square. Escape cancels.",
  correct: "Drag the handles of the box. Escape cancels.",
  points: "Drag a point to where it belongs, or move it by the arrow keys. Escape ends it.",
  mouse: "Hover a point to magnify it. Ctrl and scroll to zoom, drag to pan.",
  touch: "Tap a point to magnify it. Pinch or double-tap to zoom, drag to pan.",
};
const unique = Math.random().toString(36).slice(2); // for the ids of clip paths

/** Redraws everything. */
export function draw() {
  const held = document.activeElement?.closest?.(".point, .handle, .picture, .knob, .side");
  const again = stage.contains(held) && [state.panels.findIndex(({ node }) => node.contains(held)), held.dataset.key];
  const shown = mode();
  const all = [...state.data.models.keys()];
  const groups = shown === "side" ? all.map((model) => [model]) : [shown === "slider" ? state.pair : all];
  state.active = null; // its panel is about to go
  state.panels = groups.map((models) => makePanel(models, shown));
  panelsBox.dataset.count = state.panels.length;
  panelsBox.toggleAttribute("data-names", drawn("names"));
  panelsBox.replaceChildren(...state.panels.map((panel) => panel.node));
  for (const button of findAll("button[data-mode]")) {
    button.setAttribute("aria-pressed", button.dataset.mode === shown);
    button.disabled = all.length < 2 && button.dataset.mode !== "one";
  }
  for (const button of findAll("[data-layer]")) {
    button.setAttribute("aria-pressed", memory.layers[button.dataset.layer]);
    button.hidden = !possible(button.dataset.layer);
  }
  for (const button of findAll("[data-tool]")) button.setAttribute("aria-pressed", button.dataset.tool === state.tool);
  for (const button of findAll("[data-tool=correct], [data-zoom=face], [data-does=delete], [data-tool=points]")) {
    button.disabled = !boxOf(state.chosen);
  }
  find("[data-does=save]").hidden = !state.corrected[state.chosen];
  const hint = HINTS[state.tool ?? (matchMedia("(pointer: coarse)").matches ? "touch" : "mouse")];
  if (find(".hint").textContent !== hint) find(".hint").textContent = hint; // or it would be read out again
  place();
  if (!again) return;
  state.panels[again[0]]?.node.querySelector(`[data-key="${again[1]}"]`)?.focus({ preventScroll: true });
}

function makePanel(models, shown) {
  const { data, aspect, chosen } = state;
  const svg = make("svg", {
    class: "picture", tabindex: 0, role: "application", "aria-label": KEYS, "data-key": "picture",
  });
  const node = make("figure", { class: "panel", style: `--aspect: ${aspect}` });
  const frame = make("div", { class: "frame" }, svg);
  const panel = { node, svg, frame, models, marks: [], dots: [], arrows: [], clips: [], handles: [] };
  svg.append(
    make("image", {
      href: photoUrl(), x: -0.5, y: -0.5, width: data.width, height: data.height,
      preserveAspectRatio: "none", role: "img", "aria-label": altText(models),
    }),
  );
  if (shown === "slider") addDivider(panel);
  const first = shown === "slider" ? state.pair[0] : 0;
  if (drawn("boxes")) svg.append(boxes(panel));
  if (drawn("boxes") || faceCount() > 1) svg.append(labels(panel));
  for (const [layer, paint] of Object.entries({ uncertainty, lines, points, differences })) {
    if (!drawn(layer)) continue;
    models.forEach((model, side) => {
      const group = make("g", { class: layer, ...clipOf(panel, side) });
      data.models[model].faces.forEach((face, number) => {
        const inner = make("g", dim(number));
        paint({ panel, group: inner, model, face, number, side, first });
        group.append(inner);
      });
      svg.append(group);
    });
  }
  if (drawn("truth")) svg.append(trueMarks(panel));
  svg.append(correctedMarks(panel));
  panel.names = svg.appendChild(make("g", { class: "names" }));
  addDraft(panel);
  panel.dots.find((dot) => dot.face === chosen)?.node.setAttribute("tabindex", 0);
  node.append(legend(models, shown), frame);
  return panel;
}

/** The photo's address; in a private Space it carries the visitor's signature. */
function photoUrl() {
  const url = new URL(state.data.photo, document.baseURI);
  const sign = new URLSearchParams(location.search).get("__sign");
  if (sign && url.protocol !== "data:") url.searchParams.set("__sign", sign);
  return url.href;
}

const dim = (face) => ({ class: face !== state.chosen && faceCount() > 1 ? "face dim" : "face" });
const clipOf = (panel, side) => (panel.clips.length ? { "clip-path": `url(#${panel.clips[side].id})` } : {});

function altText(models) {
  const names = models.map((model) => state.data.models[model].name);
  const listed = names.length > 1 ? `${names.slice(0, -1).join(", ")} and ${names.at(-1)}` : names[0];
  const count = faceCount();
  return `Photo with the keypoints of ${listed ?? "no model"}; ${count === 1 ? "1 face" : `${count || "no"} faces`}`;
}

/** Something that keeps its size on the screen; at: [x, y], or a function that tells it. */
function mark(panel, group, node, at, key = {}) {
  group.append(node);
  panel.marks.push({ node, at, ...key });
}

function points({ panel, group, model, face, number, side }) {
  face.points.forEach((at, index) => {
    if (!at) return;
    const node = make(
      "g",
      { class: "point", tabindex: -1, role: "img", "data-key": `${model} ${number} ${index}`, "aria-label": "" },
      make("circle", { class: "ring", r: 9 }),
      ...haloed(SHAPES[model], state.data.models[model].colour),
    );
    const dot = { node, at, model, face: number, index, side };
    node.setAttribute("aria-label", numbers(dot).join(", "));
    panel.dots.push(dot);
    mark(panel, group, node, at, { face: number, index });
  });
}

function lines({ group, model, face }) {
  const joined = state.data.edges.map(([i, j]) => [face.points[i], face.points[j]]).filter(([a, b]) => a && b);
  group.append(...haloed(joined.map(([a, b]) => `M${a}L${b}`).join(""), state.data.models[model].colour));
}

function uncertainty({ group, model, face }) {
  const { colour } = state.data.models[model];
  face.spread?.forEach((r, index) => {
    const at = face.points[index];
    if (!at || !(r > 0)) return;
    group.append(make("circle", { class: "spread", cx: at[0], cy: at[1], r, fill: colour, stroke: colour }));
  });
}

/** Arrows from the first model's points to this one's; `place` hides those too short to see. */
function differences({ panel, group, model, face, number, first }) {
  if (model === first) return;
  face.points.forEach((to, index) => {
    const from = pointOf(first, number, index);
    if (!from || !to) return;
    // White, or it would look like one of the face's lines; the head tells the model.
    const head = make("path", { class: "head", d: "M0 0L-1-.5V.5z", fill: state.data.models[model].colour });
    const arrow = make("g", {}, ...haloed(`M${from}L${to}`, "#fff"), head);
    group.append(arrow);
    panel.arrows.push({ arrow, head, from, to });
  });
}

/** A box that all models share is drawn once, in white. */
function boxes(panel) {
  const group = make("g", { class: "boxes" });
  for (let face = 0; face < faceCount(); face++) {
    const inner = make("g", dim(face));
    const own = panel.models.map((model) => state.data.models[model].faces[face]?.box).filter(Boolean);
    const shared = own.length > 1 && own.every((box) => sameBox(box, own[0]));
    panel.models.forEach((model, side) => {
      const box = state.data.models[model].faces[face]?.box;
      if (!box || (shared && side)) return;
      const path = `M${box[0]} ${box[1]}H${box[2]}V${box[3]}H${box[0]}Z`;
      const clip = shared ? {} : clipOf(panel, side);
      inner.append(make("g", clip, ...haloed(path, shared ? "#fff" : state.data.models[model].colour)));
    });
    group.append(inner);
  }
  return group;
}

/** The faces' numbers, where there are several, and the finder's score of each. */
function labels(panel) {
  const group = make("g", { class: "labels" });
  for (let face = 0; face < faceCount(); face++) {
    const box = boxOf(face, panel.models);
    if (!box) continue;
    const number = faceCount() > 1 ? [String(face + 1)] : [];
    const score = state.data.scores[face];
    if (drawn("boxes") && (face === state.chosen || faceCount() === 1)) {
      number.push(score === null ? "drawn by hand" : `score ${score.toFixed(1)}`);
    }
    if (!number.length) continue;
    const node = make("g", { class: "label" }, make("text", { x: 2, y: -5 }, number.join(": ")));
    mark(panel, group.appendChild(make("g", dim(face))), node, [box[0], Math.max(box[1], 0)]);
  }
  return group;
}

function trueMarks(panel) {
  const group = make("g", { class: "true" });
  state.data.truth.forEach((places, face) => {
    const inner = group.appendChild(make("g", dim(face)));
    places.forEach((at) => at && mark(panel, inner, make("g", {}, ...haloed(CROSS, "#fff")), at, { face }));
  });
  return group;
}

/** Points corrected by the visitor, in white. */
function correctedMarks(panel) {
  const group = make("g", { class: "true corrected" });
  for (const [face, places] of Object.entries(state.corrected)) {
    places.forEach((place, index) => {
      if (place) mark(panel, group, make("g", {}, ...haloed(SHAPES[0], "#fff")), () => places[index], { face });
    });
  }
  return group;
}

function addDivider(panel) {
  const names = panel.models.map((model) => state.data.models[model].name);
  for (const side of [0, 1]) {
    const clip = make("clipPath", { id: `fkd-${unique}-${side}` }, make("rect"));
    panel.clips.push(clip);
    panel.svg.append(clip);
  }
  panel.divider = make("div", { class: "divider" });
  const knob = make("input", {
    type: "range", class: "knob", min: 0, max: 100, step: 0.1, value: 100 * state.split, "data-key": "knob",
    "aria-label": `Divider between ${names.join(" and ")}`,
  });
  panel.frame.append(panel.divider, knob);
}

function addDraft(panel) {
  panel.draft = make("g", { class: "draft" }, make("rect", { class: "halo" }), make("rect", { class: "ink" }));
  panel.svg.append(panel.draft);
  if (state.tool !== "correct" || !state.draft) return;
  for (const [number, [fx, fy]] of HANDLES.entries()) {
    const name = [["top", "", "bottom"][2 * fy], ["left", "", "right"][2 * fx]].join(" ").trim();
    const node = make(
      "g",
      {
        class: "handle", tabindex: 0, role: "button", "data-key": `handle ${number}`,
        "aria-label": `Box, ${name}: arrow keys move it, Enter sends it`,
      },
      make("rect", { x: -6, y: -6, width: 12, height: 12, rx: 2 }),
    );
    const at = () => handleAt(state.draft.box, fx, fy);
    panel.handles.push({ node, at, fx, fy });
    mark(panel, panel.draft, node, at);
  }
}

function legend(models, shown) {
  const box = make("figcaption", { class: "legend", "data-mode": shown });
  const swatch = (more, ...paths) =>
    make("svg", { viewBox: "-7 -7 14 14", "aria-hidden": "true", class: more }, ...paths);
  models.forEach((model, side) => {
    const { name, colour, whose } = state.data.models[model];
    const shape = swatch("", ...haloed(SHAPES[model], colour));
    const label = shown === "slider" && state.data.models.length > 2 ? modelSelect(side) : make("span", {}, name);
    const by = whose ? [make("small", { class: "whose", title: whose }, whose)] : [];
    box.append(make("span", { class: "model", title: name }, shape, label, ...by));
  });
  if (drawn("truth")) {
    const cross = swatch("true", ...haloed(CROSS, "#fff"));
    box.append(make("span", { class: "model true-points" }, cross, make("span", {}, "true points")));
  }
  return box;
}

function modelSelect(side) {
  const label = side ? "Right model" : "Left model";
  const select = make("select", { class: "side", "data-side": side, "data-key": `side ${side}`, "aria-label": label });
  const { data, pair } = state;
  data.models.forEach(({ name }, number) => select.append(new Option(name, number, false, number === pair[side])));
  return select;
}
