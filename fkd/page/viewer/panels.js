// The panels: one picture each, with the marks of some models. view.js moves the marks with the view.
import { HANDLES, handleAt, words } from "./geometry.js";
import { showGuide } from "./place.js";
import { showPoints } from "./points.js";
import {
  CROSS, boxOf, drawn, faceCount, find, findAll, haloed, make, mode, numbers, pointOf, possible, settings, shapeOf,
  stage, state,
} from "./state.js";
import { summarize } from "./summary.js";
import { inset, place } from "./view.js";

const KEYS = "Picture: arrow keys move it, plus and minus zoom, 0 shows all of it, Tab goes to the points";
const HINTS = {
  draw: "Drag around a face. Enter on the picture makes a box to adjust; Escape cancels.",
  correct: "Drag the handles of the box. Escape cancels.",
  place: "Mark each point on the face, zoomed in for an exact place. Escape cancels.",
  adjust: "Drag the points that are wrong. Escape cancels.",
  mouse: "Hover a point to magnify it. Ctrl and scroll to zoom, drag to pan.",
  touch: "Tap a point to magnify it. Pinch to zoom, drag to pan.",
};
const NEED_A_FACE = "[data-tool=correct], [data-tool=place], [data-tool=adjust], [data-zoom=face], [data-does=delete]";

/** Redraws everything; the focus stays. */
export function draw() {
  const held = document.activeElement?.closest?.("[data-key]");
  const again = stage.contains(held) && [state.panels.findIndex(({ node }) => node.contains(held)), held.dataset.key];
  const shown = mode();
  const all = [...state.data.models.keys()];
  const groups = { side: all.map((model) => [model]), one: [all], slider: [all.slice(0, 2)] }[shown];
  state.active = null; // its panel is about to go
  state.summary = summarize(state.data, state.chosen);
  state.panels = groups.map((models) => makePanel(models, shown));
  const box = find(".panels");
  box.dataset.count = state.panels.length;
  box.replaceChildren(...state.panels.map((panel) => panel.node));
  showButtons(shown);
  showAnswer();
  showFaces();
  showGuide();
  showPoints();
  place();
  if (again) state.panels[again[0]]?.node.querySelector(`[data-key="${again[1]}"]`)?.focus({ preventScroll: true });
}

/** A button for each of several faces, the largest first. */
function showFaces() {
  const box = find(".faces");
  box.hidden = faceCount() < 2;
  if (box.hidden) return;
  box.replaceChildren(...state.data.boxes.map(([x0, y0, x1, y1], face) => {
    const svg = make("svg", { viewBox: `${x0} ${y0} ${x1 - x0} ${y1 - y0}`, "aria-hidden": "true" }, photo());
    return make("button", {
      type: "button", "data-face": face, "aria-label": `Face ${face + 1}`, "aria-pressed": face === state.chosen,
    }, svg);
  }));
}

function showAnswer() {
  const { headline, detail, worst } = state.summary;
  const [title, text] = [find(".answer h2"), find(".answer span")];
  if (title.textContent !== headline) title.textContent = headline; // or it would be read out again
  if (text.textContent !== detail) text.textContent = detail;
  find("[data-does=see]").hidden = !worst;
}

function showButtons(shown) {
  for (const button of findAll("button[data-mode]")) {
    button.setAttribute("aria-pressed", button.dataset.mode === shown);
    button.disabled = state.data.models.length < 2 && button.dataset.mode !== "one";
  }
  for (const button of findAll("[data-layer]")) {
    button.setAttribute("aria-pressed", settings.layers[button.dataset.layer]);
    button.hidden = !possible(button.dataset.layer);
  }
  for (const button of findAll("[data-tool]")) {
    button.setAttribute("aria-pressed", button.dataset.tool === state.tool);
  }
  for (const button of findAll(NEED_A_FACE)) button.disabled = !boxOf(state.chosen);
  find("[data-does=restore]").hidden = !state.deleted;
  const touch = matchMedia("(pointer: coarse)").matches;
  let hint = HINTS[state.tool ?? (touch ? "touch" : "mouse")];
  if (touch && state.tool) hint = hint.slice(0, hint.indexOf(".") + 1); // the rest is about keys
  if (find(".hint").textContent !== hint) find(".hint").textContent = hint; // or it would be read out again
}

function makePanel(models, shown) {
  const { aspect, chosen, data } = state;
  const svg = make("svg", {
    class: "picture", tabindex: 0, role: "application", "aria-label": KEYS, "data-key": "picture",
  });
  const frame = make("div", { class: "frame" }, svg);
  const node = make("figure", { class: "panel", style: `--aspect: ${aspect}` }, legend(models, shown), frame);
  const panel = { node, svg, frame, models, marks: [], dots: [], clips: [], handles: [] };
  svg.append(photo({ role: "img", "aria-label": altText(models) }));
  if (shown === "slider") addDivider(panel);
  if (drawn("boxes")) svg.append(boxes(models));
  svg.append(labels(panel));
  for (const [layer, paint] of Object.entries({ uncertainty, lines, points })) {
    if (!drawn(layer)) continue;
    models.forEach((model, side) => {
      const clip = panel.clips.length ? { "clip-path": `url(#${panel.clips[side].id})` } : {};
      const group = svg.appendChild(make("g", { class: layer, ...clip }));
      data.models[model].faces.forEach((face, number) => {
        paint({ panel, group: group.appendChild(groupOf(number)), model, face, number, side });
      });
    });
  }
  if (drawn("truth")) svg.append(truePoints(panel));
  addDraft(panel);
  if (shown === "side" && models.length && state.summary.worst) {
    panel.inset = inset(svg.querySelector("image"));
    frame.append(panel.inset);
  }
  panel.dots.find((dot) => dot.face === chosen)?.node.setAttribute("tabindex", 0);
  return panel;
}

const photo = (about = {}) => make("image", {
  href: photoUrl(), x: -0.5, y: -0.5, width: state.data.width, height: state.data.height, preserveAspectRatio: "none", ...about,
});

/** The photo's address; in a private Space it carries the visitor's signature. */
function photoUrl() {
  const url = new URL(state.data.photo, document.baseURI);
  const sign = new URLSearchParams(location.search).get("__sign");
  if (sign && url.protocol !== "data:") url.searchParams.set("__sign", sign);
  return url.href;
}

function altText(models) {
  const names = new Intl.ListFormat("en-GB").format(models.map((model) => state.data.models[model].name));
  const count = faceCount();
  return `Photo with the keypoints of ${names || "no model"}; ${count === 1 ? "1 face" : `${count || "no"} faces`}`;
}

/** A group for the marks of a face, which are paler unless it is the chosen one. */
const groupOf = (face) => make("g", { class: face === state.chosen ? "face" : "face dim" });

/** Something that keeps its size on the screen; at: [x, y], or a function that returns it. */
function mark(panel, group, node, at, key = {}) {
  group.append(node);
  panel.marks.push({ node, at, ...key });
}

function points({ panel, group, model, face, number, side }) {
  face.points.forEach((at, index) => {
    if (!at) return;
    const dot = { at, model, face: number, index, side };
    dot.node = make(
      "g",
      {
        class: "point", tabindex: -1, role: "img", "data-key": `${model} ${number} ${index}`,
        "aria-label": numbers(dot).join(", "),
      },
      make("circle", { class: "ring", r: 9 }),
      ...haloed(shapeOf(model), state.data.models[model].colour),
    );
    panel.dots.push(dot);
    mark(panel, group, dot.node, at, { face: number, index });
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
    if (at && r > 0) group.append(make("circle", { class: "spread", cx: at[0], cy: at[1], r, fill: colour, stroke: colour }));
  });
}

function boxes(models) {
  const colour = models.length > 1 ? "#fff" : state.data.models[models[0]]?.colour;
  const groups = state.data.boxes.map(([x0, y0, x1, y1], face) => {
    const group = groupOf(face);
    group.append(...haloed(`M${x0} ${y0}H${x1}V${y1}H${x0}Z`, colour));
    return group;
  });
  return make("g", { class: "boxes" }, ...groups);
}

/** The faces' numbers, if there are several, and the finder's score of the chosen one. */
function labels(panel) {
  const group = make("g", { class: "labels" });
  state.data.boxes.forEach(([x, y], face) => {
    const score = state.data.scores[face];
    const texts = faceCount() > 1 ? [String(face + 1)] : [];
    if (drawn("boxes") && face === state.chosen) texts.push(score === null ? "drawn by hand" : `score ${score.toFixed(1)}`);
    const node = make("g", { class: "label" }, make("text", { x: 2, y: -5 }, texts.join(": ")));
    mark(panel, group.appendChild(groupOf(face)), node, [x, Math.max(y, 0)]);
  });
  return group;
}

function truePoints(panel) {
  const group = make("g", { class: "true" });
  state.data.truth.forEach((points, face) => {
    const inner = group.appendChild(groupOf(face));
    for (const at of points) if (at) mark(panel, inner, make("g", {}, ...haloed(CROSS, "#fff")), at, { face });
  });
  return group;
}

function addDivider(panel) {
  const names = panel.models.map((model) => state.data.models[model].name);
  panel.clips = [0, 1].map((side) => make("clipPath", { id: `fkd-side-${side}` }, make("rect")));
  panel.svg.append(...panel.clips);
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
  state.draft?.points?.forEach((point, index) => {
    if (!point) return;
    const label = `${words(state.data.names[index])}: arrow keys move it, Enter goes on`;
    const node = make(
      "g", { class: "placed", tabindex: 0, role: "button", "data-key": `placed ${index}`, "aria-label": label },
      make("circle", { r: 14 }), ...haloed(CROSS, "#fff"),
    );
    const at = () => state.draft.points[index];
    panel.handles.push({ node, at, index });
    mark(panel, panel.draft, node, at, { face: state.draft.face });
  });
  if (state.tool !== "correct" || !state.draft) return;
  for (const [number, [fx, fy]] of HANDLES.entries()) {
    const name = [["top", "", "bottom"][2 * fy], ["left", "", "right"][2 * fx]].join(" ").trim();
    const label = `Box, ${name}: arrow keys move it, Enter sends it`;
    const node = make(
      "g",
      { class: "handle", tabindex: 0, role: "button", "data-key": `handle ${number}`, "aria-label": label },
      make("rect", { x: -6, y: -6, width: 12, height: 12, rx: 2 }),
    );
    const at = () => handleAt(state.draft.box, fx, fy);
    panel.handles.push({ node, at, fx, fy });
    mark(panel, panel.draft, node, at);
  }
}

function legend(models, shown) {
  const box = make("figcaption", { class: "legend", "data-mode": shown });
  const swatch = (paths, kind = "") =>
    make("svg", { viewBox: "-7 -7 14 14", "aria-hidden": "true", class: kind }, ...paths);
  for (const model of models) {
    const { name, colour, whose } = state.data.models[model];
    const by = whose ? [make("small", { class: "whose", title: whose }, whose)] : [];
    const shape = swatch(haloed(shapeOf(model), colour));
    const closest = model === state.summary.closest ? [make("strong", { class: "closest" }, "closest")] : [];
    box.append(make("span", { class: "model", title: name }, shape, make("span", {}, name), ...closest, ...by));
  }
  if (drawn("truth")) {
    const cross = swatch(haloed(CROSS, "#fff"), "true");
    box.append(make("span", { class: "model true-points" }, cross, make("span", {}, "true points")));
  }
  return box;
}
