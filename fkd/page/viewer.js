// The viewer's behaviour. Gradio runs this once, as a function body, when the component appears; element, props,
// trigger and watch come from it. The template never changes, so Gradio never touches what is drawn here.
// Everything on a picture is in pixels of the photo, (0, 0) the centre of its top-left pixel; `px` is how many of
// them one pixel of the screen shows.
const SVG = "http://www.w3.org/2000/svg";
const SVG_TAGS = new Set(["svg", "g", "path", "rect", "circle", "image", "text", "clipPath"]);
// Points of a model, in pixels of the screen: a shape each, for those who cannot tell the colours apart.
const SHAPES = [
  "M-3.5 0a3.5 3.5 0 1 0 7 0a3.5 3.5 0 1 0-7 0z",
  "M-3.1-3.1h6.2v6.2h-6.2z",
  "M0-4.4L4.3 3H-4.3z",
  "M0-4.8L4.8 0 0 4.8-4.8 0z",
];
const COLOURS = ["#ff3b3b", "#21d07a", "#4db5ff", "#ffc928"];
const CROSS = "M-5 0H5M0-5V5";
const KEYS = "Picture: arrow keys move it, plus and minus zoom, 0 shows all of it, Tab goes to the points";
const HANDLES = [[0, 0], [0.5, 0], [1, 0], [1, 0.5], [1, 1], [0.5, 1], [0, 1], [0, 0.5]]; // shares of width and height
const KNOB = 40; // px, as --knob in the style
const MOST_ZOOM = 40; // px of the screen for one of the photo
const HINTS = {
  draw: "Drag around a face, or press Enter on the picture for a box to adjust. Shift: a square. Escape cancels.",
  correct: "Drag the handles of the box. Escape cancels.",
  mouse: "Hover a point for its numbers. Turn the wheel to zoom, drag to move.",
  touch: "Tap a point for its numbers. Pinch or double tap to zoom, drag to move.",
};

const root = element.querySelector(".viewer");
const find = (selector) => root.querySelector(selector);
const findAll = (selector) => [...root.querySelectorAll(selector)];
const stage = find(".stage"), panelsBox = find(".panels"), tip = find(".tip");
const unique = Math.random().toString(36).slice(2); // for the ids of clip paths
// How one looks at photos outlives this element: Gradio makes a new one whenever a hidden viewer is shown again.
const memory = (window.fkdViewerMemory ??= {
  mode: "side",
  layers: {
    points: true, lines: true, boxes: true, names: false, differences: false, uncertainty: false, truth: false,
  },
});

let data = null; // the value, a plain copy
let panels = []; // what is on the screen now
let view = null; // the part of the photo that every panel shows: {x, y, w}; its height follows from `aspect`
let aspect = 1;
let chosen = 0;
let pair = [0, 1]; // the slider's models
let split = 0.5; // where its divider stands
let active = null; // the point whose numbers are shown
let tool = null; // "draw" or "correct"
let draft = null; // {box, face} being drawn or corrected
let gesture = null;
let lastTap = null;
let frameAsked = false;
const pointers = new Map(); // where each finger is

// ---- small helpers

/** An element; children that are strings become text, never HTML: names come from strangers. */
function make(tag, attributes = {}, ...children) {
  const node = SVG_TAGS.has(tag) ? document.createElementNS(SVG, tag) : document.createElement(tag);
  set(node, attributes);
  node.append(...children);
  return node;
}

function set(node, attributes) {
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
}

const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
const distance = (a, b) => Math.hypot(a[0] - b[0], a[1] - b[1]);
const words = (name) => name.replaceAll("_", " ");
const viewHeight = () => view.w / aspect;
const faceCount = () => Math.max(0, ...data.models.map((model) => model.faces.length), data.truth?.length ?? 0);
const pointOf = (model, face, index) => data.models[model].faces[face]?.points?.[index] ?? null;
const drawn = (layer) => memory.layers[layer] && possible(layer);
const tidy = ([x0, y0, x1, y1]) => {
  const fit = (value, side) => clamp(value, -0.5, side - 0.5);
  const [xs, ys] = [[fit(x0, data.width), fit(x1, data.width)], [fit(y0, data.height), fit(y1, data.height)]];
  return [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)];
};

/** Slider needs two models; the wish is kept for the next photo. */
const mode = () => (data.models.length < 2 ? "one" : memory.mode);

function possible(layer) {
  if (layer === "differences") return data.models.length > 1;
  if (layer === "uncertainty") return data.models.some((model) => model.faces.some((face) => face.spread));
  return layer !== "truth" || Boolean(data.truth);
}

function boxOf(face, models = data.models.keys()) {
  for (const model of models) if (data.models[model].faces[face]?.box) return data.models[model].faces[face].box;
  return null;
}

/** Only this server and data: addresses: a photo from elsewhere would tell another host who looks at it. */
function safePhoto(address) {
  const local = address.startsWith("data:image/") || new URL(address, location.href).origin === location.origin;
  return local ? address : "";
}

// ---- a new value

function show() {
  const before = data;
  data = props.value ? JSON.parse(JSON.stringify(props.value)) : null;
  gesture = lastTap = draft = null;
  pointers.clear();
  find(".begin").hidden = Boolean(data);
  find(".filled").hidden = !data;
  panels = [];
  if (!data) return void panelsBox.replaceChildren();
  data.photo ??= before?.photo ?? ""; // another face of the same photo: it is not sent again
  data.models = (data.models ?? []).slice(0, 4);
  data.models.forEach((model, number) => {
    if (!CSS.supports("color", model.colour)) model.colour = COLOURS[number];
    for (const face of model.faces) face.points ??= [];
  });
  aspect = clamp(data.width / data.height, 0.5, 2.2);
  chosen = clamp(data.chosen ?? 0, 0, Math.max(0, faceCount() - 1));
  if (pair.some((model) => model >= data.models.length)) pair = [0, 1];
  const same = before && view && ["photo", "width", "height"].every((key) => before[key] === data[key]);
  if (!same) view = wholePhoto();
  startTool(tool === "draw" ? null : tool);
}

/** Draws everything anew; what only moves with the zoom is left to `place`. */
function draw() {
  const held = document.activeElement?.closest?.(".point, .handle, .picture, .knob, .side");
  const again = stage.contains(held) && [panels.findIndex((panel) => panel.node.contains(held)), held.dataset.key];
  const shown = mode();
  const all = [...data.models.keys()];
  const groups = shown === "side" ? all.map((model) => [model]) : [shown === "slider" ? pair : all];
  active = null; // its panel is about to go
  panels = groups.map((models) => makePanel(models, shown));
  panelsBox.dataset.count = panels.length;
  panelsBox.toggleAttribute("data-names", drawn("names"));
  panelsBox.replaceChildren(...panels.map((panel) => panel.node));
  for (const button of findAll("button[data-mode]")) {
    button.setAttribute("aria-pressed", button.dataset.mode === shown);
    button.disabled = data.models.length < 2 && button.dataset.mode !== "one";
  }
  for (const button of findAll("[data-layer]")) {
    button.setAttribute("aria-pressed", memory.layers[button.dataset.layer]);
    button.hidden = !possible(button.dataset.layer);
  }
  for (const button of findAll("[data-tool]")) button.setAttribute("aria-pressed", button.dataset.tool === tool);
  find("[data-tool=correct]").disabled = find("[data-zoom=face]").disabled = !boxOf(chosen);
  const hint = HINTS[tool ?? (matchMedia("(pointer: coarse)").matches ? "touch" : "mouse")];
  if (find(".hint").textContent !== hint) find(".hint").textContent = hint; // or it would be read out again
  place();
  if (again) panels[again[0]]?.node.querySelector(`[data-key="${again[1]}"]`)?.focus({ preventScroll: true });
}

// ---- a panel: one picture with the marks of some models

function makePanel(models, shown) {
  const svg = make("svg", {
    class: "picture", tabindex: 0, role: "application", "aria-label": KEYS, "data-key": "picture",
  });
  const node = make("figure", { class: "panel", style: `--aspect: ${aspect}` });
  const frame = make("div", { class: "frame" }, svg);
  const panel = { node, svg, frame, models, marks: [], dots: [], arrows: [], clips: [], handles: [] };
  svg.append(
    make("image", {
      href: safePhoto(data.photo), x: -0.5, y: -0.5, width: data.width, height: data.height,
      preserveAspectRatio: "none", role: "img", "aria-label": altText(models),
    }),
  );
  if (shown === "slider") addDivider(panel);
  const first = shown === "slider" ? pair[0] : 0;
  if (drawn("boxes")) svg.append(boxes(panel));
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
  panel.names = svg.appendChild(make("g", { class: "names" }));
  addDraft(panel);
  panel.dots.find((dot) => dot.face === chosen)?.node.setAttribute("tabindex", 0);
  node.append(legend(models, shown), frame);
  return panel;
}

const dim = (face) => ({ class: face !== chosen && faceCount() > 1 ? "face dim" : "face" });
const clipOf = (panel, side) => (panel.clips.length ? { "clip-path": `url(#${panel.clips[side].id})` } : {});

function altText(models) {
  const names = models.map((model) => data.models[model].name);
  const listed = names.length > 1 ? `${names.slice(0, -1).join(", ")} and ${names.at(-1)}` : names[0];
  const count = faceCount();
  return `Photo with the keypoints of ${listed ?? "no model"}; ${count === 1 ? "1 face" : `${count || "no"} faces`}`;
}

/** Something that keeps its size on the screen; at: [x, y], or a function that tells it. */
function mark(panel, group, node, at, key = {}) {
  group.append(node);
  panel.marks.push({ node, at, ...key });
}

/** A line with a dark halo, readable on any photo. */
function haloed(d, stroke) {
  return [make("path", { class: "halo", d }), make("path", { class: "ink", d, stroke })];
}

function points({ panel, group, model, face, number, side }) {
  face.points.forEach((at, index) => {
    if (!at) return;
    const node = make(
      "g",
      { class: "point", tabindex: -1, role: "img", "data-key": `${model} ${number} ${index}`, "aria-label": "" },
      make("circle", { class: "ring", r: 8 }),
      make("path", { class: "dot", d: SHAPES[model], fill: data.models[model].colour }),
    );
    const dot = { node, at, model, face: number, index, side };
    node.setAttribute("aria-label", numbers(panel, dot).join(", "));
    panel.dots.push(dot);
    mark(panel, group, node, at, { face: number, index });
  });
}

function lines({ group, model, face }) {
  const joined = data.edges.map(([i, j]) => [face.points[i], face.points[j]]).filter(([a, b]) => a && b);
  group.append(...haloed(joined.map(([a, b]) => `M${a}L${b}`).join(""), data.models[model].colour));
}

function uncertainty({ group, model, face }) {
  const { colour } = data.models[model];
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
    const head = make("path", { class: "head", d: "M0 0L-1-.5V.5z", fill: data.models[model].colour });
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
    const own = panel.models.map((model) => data.models[model].faces[face]?.box).filter(Boolean);
    const shared = own.length > 1 && own.every((box) => box.every((value, i) => Math.abs(value - own[0][i]) < 0.5));
    panel.models.forEach((model, side) => {
      const box = data.models[model].faces[face]?.box;
      if (!box || (shared && side)) return;
      const path = `M${box[0]} ${box[1]}H${box[2]}V${box[3]}H${box[0]}Z`;
      const clip = shared ? {} : clipOf(panel, side);
      inner.append(make("g", clip, ...haloed(path, shared ? "#fff" : data.models[model].colour)));
    });
    group.append(inner);
  }
  return group;
}

function trueMarks(panel) {
  const group = make("g", { class: "true" });
  data.truth.forEach((face, number) => {
    const inner = group.appendChild(make("g", dim(number)));
    face.forEach((at) => at && mark(panel, inner, make("g", {}, ...haloed(CROSS, "#fff")), at));
  });
  return group;
}

function addDivider(panel) {
  const names = panel.models.map((model) => data.models[model].name);
  for (const side of [0, 1]) {
    const clip = make("clipPath", { id: `fkd-${unique}-${side}` }, make("rect"));
    panel.clips.push(clip);
    panel.svg.append(clip);
  }
  panel.divider = make("div", { class: "divider" });
  const knob = make("input", {
    type: "range", class: "knob", min: 0, max: 100, step: 0.1, value: 100 * split, "data-key": "knob",
    "aria-label": `Divider between ${names.join(" and ")}`,
  });
  panel.frame.append(panel.divider, knob);
}

function addDraft(panel) {
  panel.draft = make("g", { class: "draft" }, make("rect", { class: "halo" }), make("rect", { class: "ink" }));
  panel.svg.append(panel.draft);
  if (tool !== "correct" || !draft) return;
  const between = (low, high, share) => low + share * (high - low);
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
    const at = () => [between(draft.box[0], draft.box[2], fx), between(draft.box[1], draft.box[3], fy)];
    panel.handles.push({ node, at, fx, fy });
    mark(panel, panel.draft, node, at);
  }
}

function legend(models, shown) {
  const box = make("figcaption", { class: "legend", "data-mode": shown });
  const swatch = (more, ...paths) =>
    make("svg", { viewBox: "-6 -6 12 12", "aria-hidden": "true", class: more }, ...paths);
  models.forEach((model, side) => {
    const { name, colour } = data.models[model];
    const shape = swatch("", make("path", { class: "dot", d: SHAPES[model], fill: colour }));
    const label = shown === "slider" && data.models.length > 2 ? modelSelect(side) : make("span", {}, name);
    box.append(make("span", { class: "model", title: name }, shape, label));
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
  data.models.forEach((model, number) => select.append(new Option(model.name, number, false, number === pair[side])));
  return select;
}

// ---- zoom: what moves with the view

function wholePhoto() {
  return within({ x: 0, y: 0, w: Infinity });
}

/** The nearest view that does not leave the photo, the photo in the middle where it is smaller than the view. */
function within({ x, y, w }) {
  const widest = Math.max(data.width, data.height * aspect);
  const narrowest = Math.min(widest, (panels[0]?.frame.clientWidth || 400) / MOST_ZOOM);
  const kept = clamp(w, narrowest, widest);
  const along = (at, size, side) => (size >= side ? (side - size) / 2 : clamp(at + 0.5, 0, side - size)) - 0.5;
  return { x: along(x, kept, data.width), y: along(y, kept / aspect, data.height), w: kept };
}

function look(next) {
  view = within(next);
  ask();
}

/** Zooms by a factor so that a point of the photo stays where it is on the screen. */
function zoom(factor, [cx, cy] = [view.x + view.w / 2, view.y + viewHeight() / 2]) {
  const { w } = within({ ...view, w: view.w / factor });
  look({ x: cx - ((cx - view.x) * w) / view.w, y: cy - ((cy - view.y) * w) / view.w, w });
}

const zooms = {
  in: () => zoom(1.5),
  out: () => zoom(1 / 1.5),
  fit: () => look(wholePhoto()),
  face: () => {
    const box = boxOf(chosen);
    const w = 1.5 * Math.max(box[2] - box[0], (box[3] - box[1]) * aspect);
    look({ x: (box[0] + box[2] - w) / 2, y: (box[1] + box[3] - w / aspect) / 2, w });
  },
};

/** Once a frame is enough, however many wheel and pointer events there are. */
function ask() {
  if (frameAsked) return;
  frameAsked = true;
  requestAnimationFrame(() => {
    frameAsked = false;
    if (data) place();
  });
}

function place() {
  root.toggleAttribute("data-zoomed", view.w < wholePhoto().w * 0.999);
  root.dataset.tool = tool ?? "";
  for (const panel of panels) placePanel(panel);
  showTip();
}

function placePanel(panel) {
  const width = panel.frame.clientWidth;
  if (!width) return; // in a tab that is not open
  const px = view.w / width;
  const scale = px * clamp(width / 400, 0.6, 1); // small panels, smaller marks
  panel.svg.setAttribute("viewBox", `${view.x} ${view.y} ${view.w} ${viewHeight()}`);
  for (const { node, at, face, index } of panel.marks) {
    const [x, y] = typeof at === "function" ? (draft ? at() : [0, 0]) : at;
    const grown = index !== undefined && active?.face === face && active?.index === index ? 1.5 : 1;
    const size = node.matches(".handle") ? px : scale * grown;
    node.setAttribute("transform", `translate(${x} ${y}) scale(${size})`);
  }
  for (const { arrow, head, from, to } of panel.arrows) {
    const long = distance(from, to) / px;
    const turn = (Math.atan2(to[1] - from[1], to[0] - from[0]) * 180) / Math.PI;
    arrow.style.display = long > 0.5 ? "" : "none";
    head.setAttribute("transform", `translate(${to}) rotate(${turn}) scale(${px * Math.min(9, 0.7 * long)})`);
  }
  placeDivider(panel, width);
  panel.draft.style.display = draft ? "" : "none";
  if (draft) {
    const [x, y, x1, y1] = tidy(draft.box);
    const rects = panel.draft.querySelectorAll(":scope > rect");
    for (const rect of rects) set(rect, { x, y, width: x1 - x, height: y1 - y });
  }
  placeNames(panel, px);
}

/** The divider's share of the width: a range's knob stops half its own width before each end. */
const dividerAt = (width) => (KNOB / 2 + split * (width - KNOB)) / width;

function placeDivider(panel, width) {
  if (!panel.divider) return;
  const at = dividerAt(width);
  panel.divider.style.left = `${100 * at}%`;
  panel.clips.forEach(({ firstChild: rect }, side) => {
    const x = side ? view.x + at * view.w : view.x;
    set(rect, { x, y: view.y, width: (side ? 1 - at : at) * view.w, height: viewHeight() });
  });
}

/** "left_eye_inner_corner" -> "L eye in", for narrow panels. */
function shortName(name) {
  const short = { left: "L", right: "R", inner: "in", outer: "out", eyebrow: "brow", bottom: "low" };
  const kept = name.split("_").filter((word) => !["center", "corner", "end", "tip"].includes(word));
  return kept.map((word) => (Object.hasOwn(short, word) ? short[word] : word)).join(" ");
}

/** The chosen face's names, in a column on each side of it with thin lines to the points: at these they overlap. */
function placeNames(panel, px) {
  panel.names.replaceChildren();
  if (!drawn("names")) return;
  const face = panel.models.map((model) => data.models[model].faces[chosen]).find(Boolean);
  const all = (face?.points ?? []).map((at, index) => ({ at, name: data.names[index] }));
  const seen = all.filter(({ at }) => at && inView(at));
  if (!seen.length) return;
  const xs = seen.map(({ at }) => at[0]);
  const box = drawn("boxes") ? boxOf(chosen, panel.models) : null;
  const left = Math.min(...xs, box ? box[0] + 6 * px : Infinity) - 14 * px;
  const right = Math.max(...xs, box ? box[2] - 6 * px : -Infinity) + 14 * px;
  const middle = xs.reduce((sum, x) => sum + x, 0) / xs.length;
  const columns = [seen.filter(({ at }) => at[0] < middle), seen.filter(({ at }) => at[0] >= middle)];
  const wide = (column, text) => Math.max(0, ...column.map(({ name }) => text(name).length)) * 6.2 * px + 6 * px;
  const room = [left - view.x, view.x + view.w - right];
  const text = columns.every((column, side) => wide(column, words) < room[side]) ? words : shortName;
  columns.forEach((column, side) => {
    const width = wide(column, text);
    const x = side ? Math.min(right, view.x + view.w - width) : Math.max(left, view.x + width);
    spreadOut(column, 15 * px, view.y + 9 * px, view.y + viewHeight() - 9 * px);
    panel.names.append(...haloed(column.map(({ at, y }) => `M${x} ${y}L${at}`).join(""), "#fff"));
    for (const { name, y } of column) {
      const transform = `translate(${x + (side ? 3 : -3) * px} ${y}) scale(${px})`;
      panel.names.append(make("text", { "text-anchor": side ? "start" : "end", dy: "0.35em", transform }, text(name)));
    }
  });
}

/** Gives each of a column its y: `gap` apart, as near to their points as that lets them, between two limits. */
function spreadOut(column, gap, low, high) {
  column.sort((a, b) => a.at[1] - b.at[1]);
  let last = -Infinity;
  for (const item of column) last = item.y = Math.max(item.at[1], last + gap);
  const surplus = column.reduce((sum, item) => sum + item.y - item.at[1], 0) / column.length;
  const highest = low - (column[0]?.y ?? low);
  const shift = clamp(-surplus, highest, Math.max(highest, high - last));
  for (const item of column) item.y += shift;
}

const inView = ([x, y]) => x >= view.x && x <= view.x + view.w && y >= view.y && y <= view.y + viewHeight();

// ---- the numbers of a point

/** Lines of text: the point's name, its place, and how far the first two models of the picture are apart. */
function numbers(panel, { model, face, index, at }) {
  const radius = data.models[model].faces[face].spread?.[index];
  const place = `${data.models[model].name}: x ${at[0].toFixed(1)}, y ${at[1].toFixed(1)}`;
  const found = [words(data.names[index]), place + (radius ? `, ± ${radius.toFixed(1)} px` : "")];
  const [one, two] = mode() === "slider" ? pair : [0, 1];
  if (data.models.length < 2) return found;
  const [a, b] = [pointOf(one, face, index), pointOf(two, face, index)];
  if (!a || !b) return found;
  const apart = distance(a, b);
  const eyes = ["left_eye_center", "right_eye_center"].map((name) => data.names.indexOf(name));
  const ocular = [one, two].map((which) => eyes.map((eye) => pointOf(which, face, eye)));
  const known = ocular.every(([left, right]) => left && right);
  const mean = known && ocular.reduce((sum, [left, right]) => sum + distance(left, right) / 2, 0);
  const share = mean > 0 ? `, ${((100 * apart) / mean).toFixed(1)}% of the eyes' distance` : "";
  return [...found, `${data.models[one].name} and ${data.models[two].name}: ${apart.toFixed(1)} px apart${share}`];
}

function activate(panel, dot) {
  if (active?.node === dot?.node) return;
  active = dot ? { ...dot, panel } : null;
  ask();
}

function showTip() {
  tip.hidden = !active || !inView(active.at);
  if (tip.hidden) return;
  const [name, ...rest] = numbers(active.panel, active);
  tip.replaceChildren(make("strong", {}, name), ...rest.map((line) => make("div", {}, line)));
  const [outer, inner] = [stage.getBoundingClientRect(), active.panel.svg.getBoundingClientRect()];
  const x = inner.left - outer.left + ((active.at[0] - view.x) / view.w) * inner.width;
  const y = inner.top - outer.top + ((active.at[1] - view.y) / viewHeight()) * inner.height;
  tip.style.left = `${clamp(x + 14, 0, Math.max(0, outer.width - tip.offsetWidth))}px`;
  const above = y - 16 - tip.offsetHeight;
  tip.style.top = `${y + 16 + tip.offsetHeight > outer.height && above > 0 ? above : y + 16}px`;
}

// ---- choosing, drawing and correcting

function choose(face) {
  if (face === chosen) return;
  chosen = face;
  startTool(tool);
  trigger("select", { face });
}

function startTool(next) {
  tool = next === "correct" && !boxOf(chosen) ? null : next;
  draft = tool === "correct" ? { box: [...boxOf(chosen)], face: chosen } : null;
  gesture = null;
  draw();
}

/** Tells the server; the dashed box stays until the next value answers. */
function send() {
  draft.box = tidy(draft.box).map((value) => Math.round(100 * value) / 100);
  trigger("input", { box: draft.box, face: draft.face });
}

function moveHandle({ fx, fy }, box, dx, dy) {
  const moved = [...box];
  if (fx !== 0.5) moved[2 * fx] += dx;
  if (fy !== 0.5) moved[1 + 2 * fy] += dy;
  return moved;
}

function rectangle(start, end, square) {
  const [dx, dy] = [end[0] - start[0], end[1] - start[1]];
  if (!square) return [...start, ...end];
  const side = Math.max(Math.abs(dx), Math.abs(dy));
  return [...start, start[0] + (Math.sign(dx) || 1) * side, start[1] + (Math.sign(dy) || 1) * side];
}

// ---- fingers, mouse and wheel

const panelOf = (target) => panels.find((panel) => panel.svg.contains(target));

function toPhoto(panel, { clientX, clientY }) {
  const { left, top, width, height } = panel.svg.getBoundingClientRect();
  return [view.x + ((clientX - left) / width) * view.w, view.y + ((clientY - top) / height) * viewHeight()];
}

/** The nearest of some things with a place, within some pixels of the screen. */
function nearest(panel, things, at, reach) {
  const px = view.w / panel.frame.clientWidth;
  let [best, least] = [null, reach * px];
  for (const thing of things) {
    const far = distance(typeof thing.at === "function" ? thing.at() : thing.at, at);
    if (far < least) [best, least] = [thing, far];
  }
  return best;
}

function dotAt(panel, at, reach) {
  const border = view.x + dividerAt(panel.frame.clientWidth) * view.w;
  const open = panel.divider ? panel.dots.filter((dot) => (dot.at[0] < border ? 0 : 1) === dot.side) : panel.dots;
  return nearest(panel, open, at, reach);
}

function faceAt(panel, [x, y]) {
  const around = [...Array(faceCount()).keys()].map((face) => [face, boxOf(face, panel.models)]);
  const inside = around.filter(([, box]) => box && x >= box[0] && x <= box[2] && y >= box[1] && y <= box[3]);
  const area = ([, box]) => (box[2] - box[0]) * (box[3] - box[1]);
  return inside.sort((a, b) => area(a) - area(b))[0]?.[0] ?? null;
}

function down(event) {
  const panel = panelOf(event.target);
  if (!panel || event.button > 0) return;
  stage.setPointerCapture(event.pointerId);
  pointers.set(event.pointerId, [event.clientX, event.clientY]);
  if (pointers.size > 1) {
    if (gesture?.kind === "pan") gesture.kind = "pinch";
    return;
  }
  const at = toPhoto(panel, event);
  gesture = { kind: "pan", id: event.pointerId, panel, at, screen: [event.clientX, event.clientY], moved: false };
  const handle = draft && nearest(panel, panel.handles, at, event.pointerType === "mouse" ? 12 : 24);
  if (tool === "draw") gesture.kind = "draw";
  else if (handle) Object.assign(gesture, { kind: "handle", handle, box: [...draft.box] });
}

function move(event) {
  const before = pointers.get(event.pointerId);
  if (!before || !gesture) return hover(event);
  const after = [event.clientX, event.clientY];
  const { panel, kind, at } = gesture;
  if (kind === "pinch") return pointers.size > 1 ? pinch(panel, event.pointerId, after) : undefined;
  if (event.pointerId !== gesture.id) return;
  gesture.moved ||= distance(after, gesture.screen) > (event.pointerType === "mouse" ? 3 : 8);
  pointers.set(event.pointerId, after);
  if (!gesture.moved) return;
  const now = toPhoto(panel, event);
  if (kind === "draw") draft = { box: tidy(rectangle(at, now, event.shiftKey)), face: null };
  if (kind === "handle") draft.box = moveHandle(gesture.handle, gesture.box, now[0] - at[0], now[1] - at[1]);
  // The photo point that was taken hold of stays under the finger.
  if (kind === "pan") look({ ...view, x: view.x + at[0] - now[0], y: view.y + at[1] - now[1] });
  ask();
}

function pinch(panel, id, after) {
  const centre = ([a, b]) => ({ clientX: (a[0] + b[0]) / 2, clientY: (a[1] + b[1]) / 2 });
  const before = [...pointers.values()];
  pointers.set(id, after);
  const now = [...pointers.values()];
  const held = toPhoto(panel, centre(before));
  if (distance(...before) > 0) zoom(distance(...now) / distance(...before), held);
  const moved = toPhoto(panel, centre(now));
  look({ ...view, x: view.x + held[0] - moved[0], y: view.y + held[1] - moved[1] });
}

function hover(event) {
  if (event.pointerType === "touch" || event.buttons) return;
  const panel = panelOf(event.target);
  activate(panel, panel && tool !== "draw" ? dotAt(panel, toPhoto(panel, event), 12) : null);
}

function up(event) {
  if (!pointers.delete(event.pointerId) || !gesture) return;
  const { kind, panel, moved } = gesture;
  if (pointers.size) return; // a pinch ends with its last finger
  gesture = null;
  if (kind === "draw" && moved && draft) finishDrawing(panel);
  if (kind === "handle" && moved) send();
  if (kind === "pan" && !moved) tap(panel, event);
  ask();
}

function finishDrawing(panel) {
  const px = view.w / panel.frame.clientWidth;
  const [x0, y0, x1, y1] = draft.box;
  if (Math.min(x1 - x0, y1 - y0) < 5 * px) return void (draft = null);
  tool = null;
  send();
  draw();
}

function tap(panel, event) {
  const at = toPhoto(panel, event);
  const here = [event.clientX, event.clientY];
  const twice = lastTap && event.timeStamp - lastTap.time < 350 && distance(here, lastTap.here) < 30;
  lastTap = twice ? null : { here, time: event.timeStamp };
  if (twice) return root.hasAttribute("data-zoomed") ? zooms.fit() : zoom(2.5, at);
  const dot = dotAt(panel, at, event.pointerType === "mouse" ? 12 : 22);
  const face = dot ? dot.face : faceAt(panel, at);
  if (face !== null) choose(face);
  // Choosing draws anew: the dot of before is no longer on the page.
  const index = panels.length > 1 ? panels.findIndex((one) => one.models[0] === panel.models[0]) : 0;
  activate(panels[index], dot && panels[index].dots.find((one) => one.node.dataset.key === dot.node.dataset.key));
}

function cancel(event) {
  pointers.delete(event.pointerId);
  if (gesture?.kind === "draw") draft = null;
  if (gesture?.kind === "handle") draft.box = gesture.box;
  gesture = null;
  ask();
}

function wheel(event) {
  const panel = data && panelOf(event.target);
  if (!panel) return;
  // With all of the photo in view, scrolling down scrolls the page, so that nobody is caught in the picture.
  if (event.deltaY > 0 && !event.ctrlKey && !root.hasAttribute("data-zoomed")) return;
  event.preventDefault();
  const step = event.deltaY * (event.deltaMode ? 0.05 : event.ctrlKey ? 0.01 : 0.002);
  zoom(Math.exp(-clamp(step, -0.7, 0.7)), toPhoto(panel, event));
}

// ---- buttons and keys

function click({ target }) {
  const button = target.closest("button");
  if (!button || !data) return;
  const { mode: nextMode, layer, zoom: how, tool: nextTool } = button.dataset;
  if (how) return zooms[how]();
  if (nextMode) memory.mode = nextMode;
  if (layer) memory.layers[layer] = !memory.layers[layer];
  if (nextTool) startTool(tool === nextTool ? null : nextTool);
  else draw();
}

/** The divider, and the selects of its two models: choosing the other side's model swaps the two. */
function changed({ target }) {
  if (target.matches(".knob")) {
    split = target.value / 100;
    ask();
  } else if (target.matches(".side")) {
    const side = Number(target.dataset.side);
    if (pair[1 - side] === Number(target.value)) pair.reverse();
    else pair = pair.with(side, Number(target.value));
    draw();
  }
}

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

function key(event) {
  const { target, key: name } = event;
  if (!data || event.altKey || event.ctrlKey || event.metaKey) return;
  if (name === "Escape") return escape();
  const panel = panelOf(target);
  if (!panel) return;
  const arrow = ARROWS[name];
  const handle = panel.handles.find((one) => one.node === target);
  const how = { "+": "in", "=": "in", "-": "out", _: "out", 0: "fit" }[name];
  if (how) zooms[how]();
  else if (tool === "draw" && name === "Enter") boxInTheMiddle(panels.indexOf(panel));
  else if (handle && (arrow || name === "Enter" || name === " ")) keyHandle(panel, handle, arrow, event.shiftKey);
  else if (arrow && target.matches(".point")) nextPoint(panel, target, arrow[0] + arrow[1]);
  else if (arrow) look({ ...view, x: view.x + 0.1 * view.w * arrow[0], y: view.y + 0.1 * viewHeight() * arrow[1] });
  else return;
  event.preventDefault();
}

/** Drawing without a pointer: a box to move by its handles. */
function boxInTheMiddle(number) {
  const [w, h] = [view.w, viewHeight()];
  tool = "correct";
  draft = { box: tidy([view.x + 0.3 * w, view.y + 0.3 * h, view.x + 0.7 * w, view.y + 0.7 * h]), face: null };
  draw();
  panels[number].handles[4].node.focus({ preventScroll: true });
}

function keyHandle(panel, handle, arrow, far) {
  if (!arrow) return send();
  const step = ((far ? 10 : 2) * view.w) / panel.frame.clientWidth;
  const moved = moveHandle(handle, draft.box, step * arrow[0], step * arrow[1]);
  if (moved[2] > moved[0] && moved[3] > moved[1]) draft.box = tidy(moved);
  ask();
}

function nextPoint(panel, node, step) {
  const dots = panel.dots.filter((dot) => dot.face === chosen);
  const dot = dots.at((dots.findIndex((one) => one.node === node) + step) % dots.length);
  if (!inView(dot.at)) look({ ...view, x: dot.at[0] - view.w / 2, y: dot.at[1] - viewHeight() / 2 });
  dot.node.focus({ preventScroll: true });
}

function escape() {
  pointers.clear();
  startTool(null);
}

/** One point of a picture is a stop of the Tab key: the one that was there last. */
function focused({ target }) {
  const panel = data && panelOf(target);
  const dot = panel?.dots.find((one) => one.node === target);
  if (!dot) return;
  for (const other of panel.dots) other.node.setAttribute("tabindex", other === dot ? 0 : -1);
  activate(panel, dot);
}

stage.addEventListener("pointerdown", down);
stage.addEventListener("pointermove", move);
stage.addEventListener("pointerup", up);
stage.addEventListener("pointercancel", cancel);
stage.addEventListener("pointerleave", (event) => event.pointerType === "mouse" && activate(null, null));
stage.addEventListener("wheel", wheel, { passive: false });
stage.addEventListener("focusin", focused);
stage.addEventListener("focusout", ({ target }) => target.matches(".point") && activate(null, null));
root.addEventListener("click", click);
root.addEventListener("input", changed);
root.addEventListener("keydown", key);
new ResizeObserver(() => data && ask()).observe(stage);

// For tests, and for a download of what is seen: JSON.stringify(viewer.fkdViewer) is the state.
root.fkdViewer = element.fkdViewer = {
  get mode() { return data ? mode() : memory.mode; },
  get layers() { return { ...memory.layers }; },
  get view() { return view && { x: view.x, y: view.y, width: view.w, height: viewHeight() }; },
  get chosen() { return chosen; },
  get pair() { return [...pair]; },
};
watch("value", show);
show();
