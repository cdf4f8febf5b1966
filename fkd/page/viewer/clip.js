// A clip with the points of one or two models, each frame with its own. A point that is dragged counts as true.
import { clamp, distance, eyeDistance, frameAt, middleOf, nearest, toPhoto, words } from "./geometry.js";
import { csvOf } from "./points.js";
import { CROSS, SHAPES, download, haloed, make, set } from "./state.js";

const AROUND = 2.2; // times the eye distance, from the middle of a face to the sides of a picture zoomed to it
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const state = { mode: "side", zoomed: false, raw: false, correcting: false };
let root, data, video, panels;

const find = (selector) => root.querySelector(selector);
const last = () => data.times.length - 1;
const range = (count) => [...Array(count).keys()];
const mean = (values) => values.reduce((sum, value) => sum + value / values.length, 0);

const ACTIONS = {
  back: () => seek(state.wanted - 1),
  next: () => seek(state.wanted + 1),
  play: () => (video.paused ? video.play() : video.pause()),
  bad: () => seek(data.bad.find((frame) => frame > state.wanted) ?? data.bad[0]),
  undo() {
    const { key, before, frame } = state.history.pop();
    if (before) state.true.set(key, before);
    else state.true.delete(key);
    seek(frame);
    draw();
  },
  save: () => download(new Blob([csvOf(data.names, corrected())]), `${data.name}-corrected.csv`),
};

/** Starts the player; everything comes from Gradio. */
export function start({ element, props, watch }) {
  root = element.querySelector(".clip");
  root.fkdClip = state; // for tests
  root.addEventListener("click", ({ target: { dataset } }) => {
    if (dataset.mode) state.mode = dataset.mode;
    if (dataset.switch) state[dataset.switch] = !state[dataset.switch];
    if (dataset.mode || dataset.switch) build();
    ACTIONS[dataset.does]?.();
  });
  root.addEventListener("keydown", onKey);
  find(".place input").addEventListener("input", ({ target }) => seek(Number(target.value)));
  find(".speed").addEventListener("change", ({ target }) => (video.playbackRate = Number(target.value)));
  new ResizeObserver(() => data && draw()).observe(root);
  watch("value", () => show(props.value));
  show(props.value);
}

async function show(value) {
  if (video) drop(video);
  data = video = null;
  root.hidden = !value;
  if (!value) return;
  const address = (name) => `${value.folder}/${name}`;
  const get = async (name) => (await fetch(address(name))).blob();
  // Whole: the server sends no parts of files, and every frame is at hand.
  const [clip, points] = await Promise.all([get("proxy.mp4"), get("points.f32")]);
  data = { ...JSON.parse(JSON.stringify(value)), points: new Float32Array(await points.arrayBuffer()) };
  Object.assign(state, { frame: 0, wanted: 0, true: new Map(), history: [] });
  video = make("video", { playsinline: "", preload: "auto", "aria-hidden": "true", tabindex: -1 });
  Object.assign(video, { muted: true, src: URL.createObjectURL(clip), defaultPlaybackRate: find(".speed").value });
  video.onseeked = () => state.wanted !== state.sought && seek(state.wanted);
  video.onplay = () => (find("[data-does=play]").textContent = "Pause");
  video.onpause = () => (find("[data-does=play]").textContent = "Play");
  find(".stage").prepend(video);
  follow(video);
  find("h2").textContent = data.answer;
  const links = data.files.map((name) => make("a", { href: address(name), download: name }, name));
  find(".files").replaceChildren("Files:", ...links);
  find(".corrections select").replaceChildren(...data.names.map((name, index) => make("option", { value: index }, words(name))));
  find(".place input").max = last();
  Object.assign(find("[data-does=bad]"), { disabled: !data.bad.length, textContent: data.bad.length ? "Next bad frame" : "No bad frame" });
  const marks = timeline(make("path", { d: data.bad.map((frame) => `M${frame + 0.5} 0V1`).join("") }));
  find(".rows").replaceChildren(...data.rows.map(row), make("div", { class: "bad" }, marks));
  build();
}

/** Unloads a video; removing it alone would not stop it from reading its file. */
function drop(old) {
  const address = old.src;
  old.remove();
  old.removeAttribute("src");
  old.load();
  URL.revokeObjectURL(address);
}

// ---- from frame to frame

/** Draws each frame as the browser shows it, by its time: the video's own clock runs ahead of its picture. */
function follow(mine) {
  mine.requestVideoFrameCallback((_, { mediaTime }) => {
    if (video !== mine) return;
    state.frame = frameAt(data.times, mediaTime);
    if (!video.paused) state.wanted = state.frame;
    draw();
    follow(mine);
  });
}

/** Stops at a frame; while the browser seeks, only the last frame wanted is kept. */
function seek(frame) {
  video.pause();
  state.wanted = clamp(frame, 0, last());
  showPlace();
  if (video.seeking) return;
  state.sought = state.wanted;
  video.currentTime = middleOf(data.times, state.wanted, video.duration);
}

function onKey(event) {
  const [dx, dy] = ARROWS[event.key] ?? [0, 0];
  if (event.target.matches("input, select, a")) return;
  if (event.shiftKey && state.correcting && (dx || dy)) nudge(dx, dy);
  else if (dx) seek(state.wanted + dx);
  else if (event.key === " " && !event.target.matches("button")) ACTIONS.play();
  else return;
  event.preventDefault();
}

// ---- the pictures

/** The points of a model for a face in a frame: 15 places, null where missing. */
function pointsOf(model, face, frame = state.frame, raw = state.raw) {
  const size = 2 * data.names.length;
  const start = (((model * data.faces + face) * 2 + Number(raw)) * data.times.length + frame) * size;
  const flat = data.points.subarray(start, start + size);
  return data.names.map((_, index) => (Number.isFinite(flat[2 * index]) ? [flat[2 * index], flat[2 * index + 1]] : null));
}

const trueOf = (face, index) => state.true.get([state.frame, face, index].join())?.at;

/** The eye distance of a face, on average of the models that see it; NaN if none does. */
function eyesOf(face, frame = state.frame) {
  const eyes = ["left_eye_center", "right_eye_center"].map((name) => data.names.indexOf(name));
  const each = data.models.map((_, model) => pointsOf(model, face, frame, false)).map((all) => eyeDistance([eyes.map((eye) => all[eye])]));
  return mean(each.filter(Boolean)) || NaN;
}

/** The part of the clip that is shown: all of it, or the surroundings of the first face. */
function viewOf() {
  const { width, height, models } = data;
  const seen = state.zoomed && models.map((_, model) => pointsOf(model, 0, state.frame, false)).find((all) => all.every(Boolean));
  if (!seen) return { x: -0.5, y: -0.5, w: width, h: height };
  const side = 2 * AROUND * eyesOf(0);
  const [w, h] = [side * Math.max(1, width / height), side * Math.max(1, height / width)];
  const [x, y] = [0, 1].map((axis) => mean(seen.map((at) => at[axis])));
  return { x: x - w / 2, y: y - h / 2, w, h };
}

function build() {
  const all = range(data.models.length);
  for (const button of root.querySelectorAll("[data-mode], [data-switch]")) {
    const { mode, switch: name } = button.dataset;
    button.setAttribute("aria-pressed", mode ? mode === state.mode : state[name]);
    button.hidden = Boolean(mode) && all.length < 2;
  }
  panels = (state.mode === "side" ? all.map((model) => [model]) : [all]).map(panel);
  find(".panels").replaceChildren(...panels.map(({ figure }) => figure));
  find(".panels").dataset.count = panels.length;
  root.toggleAttribute("data-correcting", state.correcting);
  draw();
}

function panel(models) {
  const canvas = make("canvas", { width: data.proxy[0], height: data.proxy[1] });
  const marks = [...models, null].flatMap((model) => range(data.faces).flatMap((face) => data.names.map((_, index) => {
    const shape = model === null ? haloed(CROSS, "#fff") : haloed(SHAPES[model], data.models[model].colour);
    return { model, face, index, node: make("g", { class: model === null ? "true" : "point" }, ...shape) };
  })));
  const svg = make("svg", { "aria-hidden": "true" }, ...marks.map(({ node }) => node));
  const keys = models.map((model) => {
    const { name, colour } = data.models[model];
    const shape = make("svg", { viewBox: "-8 -8 16 16", "aria-hidden": "true" }, ...haloed(SHAPES[model], colour));
    return make("span", { class: "model" }, shape, name);
  });
  const frame = make("div", { class: "frame", style: `--aspect: ${data.width / data.height}` }, canvas, svg);
  const figure = make("figure", { class: "panel" }, frame, make("figcaption", { class: "legend" }, ...keys));
  const made = { figure, canvas, svg, marks };
  svg.addEventListener("pointerdown", (event) => grab(event, made));
  return made;
}

function draw() {
  const { x, y, w, h } = viewOf();
  const [across, down] = [data.proxy[0] / data.width, data.proxy[1] / data.height];
  const points = data.models.map((_, model) => range(data.faces).map((face) => pointsOf(model, face)));
  for (const { canvas, svg, marks } of panels) {
    const pen = canvas.getContext("2d");
    pen.clearRect(0, 0, canvas.width, canvas.height);
    const part = [(x + 0.5) * across, (y + 0.5) * down, w * across, h * down];
    pen.drawImage(video, ...part, 0, 0, canvas.width, canvas.height);
    set(svg, { viewBox: `${x} ${y} ${w} ${h}` });
    const px = w / (svg.clientWidth || 1);
    const sizes = range(data.faces).map((face) => px * clamp(eyesOf(face) / px / 80, 0.4, 1) || px);
    for (const mark of marks) {
      mark.at = mark.model === null ? trueOf(mark.face, mark.index) : points[mark.model][mark.face][mark.index];
      mark.node.style.display = mark.at ? "" : "none";
      if (mark.at) set(mark.node, { transform: `translate(${mark.at}) scale(${sizes[mark.face]})` });
    }
  }
  showPlace();
  showCorrections();
}

/** Says where the clip is, and what is wrong there. */
function showPlace() {
  find(".number").textContent = `Frame ${state.wanted} of ${last()}, ${data.times[state.wanted].toFixed(2)} s`;
  find(".place input").value = state.wanted;
  const wrong = data.rows.filter(({ values, limit }) => values[state.wanted] > limit);
  find(".why").textContent = wrong.map(({ title, values }) => `${title}: ${values[state.wanted]}`).join("; ");
}

const timeline = (...paths) =>
  make("svg", { viewBox: `0 0 ${data.times.length} 1`, preserveAspectRatio: "none" }, ...paths);

function row({ title, values, limit }) {
  const top = 1.1 * Math.max(limit, ...values);
  const steps = values.map((value, frame) => `V${1 - (value ?? 0) / top}H${frame + 1}`).join("");
  const area = make("path", { class: "values", d: `M0 1${steps}V1z` });
  const line = make("path", { class: "limit", d: `M0 ${1 - limit / top}H${values.length}` });
  const label = make("span", {}, `${title}: up to ${Math.max(...values).toFixed(1)}`);
  return make("div", { class: "row" }, label, timeline(area, line));
}

// ---- corrections

/** Sets a true point; keep: its place before, for undo. */
function setTrue({ face, index }, at, keep) {
  const [frame, key] = [state.frame, [state.frame, face, index].join()];
  if (keep) state.history.push({ key, frame, before: state.true.get(key) });
  state.true.set(key, { frame, face, index, at });
  draw();
}

/** Drags the nearest point, a true one first. */
function grab(event, { svg, marks }) {
  if (!state.correcting || state.frame !== state.wanted) return;
  video.pause();
  const placeOf = ({ clientX, clientY }) => toPhoto(viewOf(), svg.getBoundingClientRect(), [clientX, clientY]);
  const start = placeOf(event);
  const reach = ((event.pointerType === "mouse" ? 14 : 26) * viewOf().w) / svg.clientWidth;
  const mark = nearest(marks.filter(({ at }) => at).reverse(), start, reach);
  if (!mark) return;
  const from = mark.at;
  const move = (now) => setTrue(mark, placeOf(now).map((value, axis) => from[axis] + value - start[axis]));
  setTrue(mark, from, true);
  find(".corrections select").value = mark.index;
  svg.setPointerCapture(event.pointerId);
  svg.addEventListener("pointermove", move);
  svg.addEventListener("lostpointercapture", () => svg.removeEventListener("pointermove", move), { once: true });
}

/** Moves the listed point of the first face by a pixel, by keyboard. */
function nudge(dx, dy) {
  const index = Number(find(".corrections select").value);
  const at = [trueOf(0, index), ...data.models.map((_, model) => pointsOf(model, 0)[index])].find(Boolean);
  if (at) setTrue({ face: 0, index }, [at[0] + dx, at[1] + dy], true);
}

/** The true points: [{photo, model, faces: [{box, points}]}]. */
function corrected() {
  const faces = Object.values(Object.groupBy(state.true.values(), ({ frame, face }) => [frame, face].join()));
  return faces.map((points) => ({
    photo: `${data.name}.${String(points[0].frame).padStart(4, "0")}.jpg`, model: "by hand",
    faces: [{ box: Array(4).fill(""), points: Object.fromEntries(points.map(({ index, at }) => [data.names[index], at])) }],
  }));
}

/** Says how far each model is off where points were corrected. */
function showCorrections() {
  find(".corrections").hidden = !state.correcting && !state.true.size;
  find("[data-does=undo]").disabled = !state.history.length;
  find("[data-does=save]").disabled = !state.true.size;
  const errors = [...state.true.values()].map(({ frame, face, index, at }) => data.models.map((_, model) => {
    const answer = pointsOf(model, face, frame)[index];
    return answer ? (100 * distance(answer, at)) / eyesOf(face, frame) : NaN;
  })).filter((each) => each.every(Number.isFinite));
  const means = data.models.map(({ name }, model) => `${name} ${mean(errors.map((each) => each[model])).toFixed(1)}%`);
  const count = `${errors.length} corrected point${errors.length === 1 ? "" : "s"}`;
  find(".corrections p").textContent = errors.length
    ? `${means.join(", ")} of the eye distance on ${count}${state.raw ? ", before smoothing" : ""}.`
    : "Drag a point to where it belongs: it then counts as true.";
}
