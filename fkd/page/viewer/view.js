// The part of the photo that is shown, and all that moves with it. `px`: pixels of the photo in one of the screen.
import { around, clamp, distance, dividerAt, inView, resized, tidy, within, words } from "./geometry.js";
import {
  CROSS, boxOf, drawn, find, haloed, make, mode, numbers, pointOf, root, set, shapeOf, state,
} from "./state.js";

const LOUPE = 120; // px of the screen
const MAX_TIMES = 6; // of the loupe
const MIN_TIMES = 2; // if another model's answer is far away
const MIN_ACROSS = 6; // px of the photo in the loupe

let willPlace = false;

const allowed = (view) => within(view, state.data, state.aspect, state.panels[0]?.frame.clientWidth || 400);
export const wholePhoto = () => allowed({ x: 0, y: 0, w: Infinity });
export const pixel = (panel) => state.view.w / panel.frame.clientWidth;

export function look(next) {
  state.view = allowed(next);
  placeSoon();
}

export function moveView(dx, dy) {
  look({ ...state.view, x: state.view.x + dx, y: state.view.y + dy });
}

/** Zooms by a factor so that a place of the photo stays where it is on the screen. */
export function zoom(factor, at = [state.view.x + state.view.w / 2, state.view.y + state.view.h / 2]) {
  const { w } = allowed({ ...state.view, w: state.view.w / factor });
  look(resized(state.view, w, at));
}

export const zooms = {
  in: () => zoom(1.5),
  out: () => zoom(1 / 1.5),
  fit: () => look(wholePhoto()),
  face: () => look(around(boxOf(state.chosen), state.aspect)),
};

/** How much of the photo is shown around the point at which the models differ most, px. */
const worstWidth = ({ reach, ocular }) => Math.max(3 * reach, 0.35 * ocular);

/** Shows the place at which the models differ most. */
export function lookAtWorst() {
  const { worst } = state.summary;
  const half = worstWidth(worst) / 2;
  look(around([worst.at[0] - half, worst.at[1] - half, worst.at[0] + half, worst.at[1] + half], state.aspect));
}

/** Places the marks in the next frame, once for all events before it. */
export function placeSoon() {
  if (willPlace) return;
  willPlace = true;
  requestAnimationFrame(() => {
    willPlace = false;
    if (state.data) place();
  });
}

export function place() {
  root.toggleAttribute("data-zoomed", state.view.w < wholePhoto().w * 0.999);
  root.dataset.tool = state.tool ?? "";
  for (const panel of state.panels) if (panel.frame.clientWidth) placePanel(panel); // 0: in a tab that is not open
  showTip();
}

function placePanel(panel) {
  const { view, active, draft } = state;
  const width = panel.frame.clientWidth;
  const px = pixel(panel);
  panel.svg.setAttribute("viewBox", `${view.x} ${view.y} ${view.w} ${view.h}`);
  for (const { node, at, face, index } of panel.marks) {
    const [x, y] = typeof at === "function" ? at() : at;
    const grown = active && active.face === face && active.index === index ? 1.5 : 1;
    // Small panels and small faces have smaller marks.
    const size = face === undefined ? 1 : grown * clamp(width / 400, 0.6, 1) * faceScale(face, px);
    node.setAttribute("transform", `translate(${x} ${y}) scale(${px * size})`);
  }
  if (panel.inset) placeInset(panel);
  if (panel.divider) placeDivider(panel, dividerAt(width, state.split));
  panel.draft.style.display = draft ? "" : "none";
  if (draft?.box) {
    const [x, y, x1, y1] = tidy(draft.box, state.data);
    for (const rect of panel.draft.querySelectorAll(":scope > rect")) set(rect, { x, y, width: x1 - x, height: y1 - y });
  }
}

/** The place at which the models differ most, enlarged in the upper corner that is farther from it. */
export function inset(image) {
  const { data, summary, chosen } = state;
  const { index, at } = summary.worst;
  const [x0, , x1] = boxOf(chosen);
  const svg = enlarged(chosen, index, at, worstWidth(summary.worst), [...data.models.keys()], image);
  const side = at[0] < (x0 + x1) / 2 ? "right" : "left";
  return make("div", { class: `inset ${side}` }, svg, make("small", {}, words(data.names[index])));
}

function placeInset(panel) {
  panel.inset.hidden = Boolean(state.tool) || state.view.w < 2.5 * worstWidth(state.summary.worst);
}

function faceScale(face, px) {
  const [x0, , x1] = boxOf(face);
  return clamp((x1 - x0) / px / 160, 0.4, 1);
}

function placeDivider(panel, at) {
  const { x, y, w, h } = state.view;
  panel.divider.style.left = `${100 * at}%`;
  panel.clips.forEach(({ firstChild: rect }, side) => {
    set(rect, { x: side ? x + at * w : x, y, width: (side ? 1 - at : at) * w, height: h });
  });
}

/** Shows another point's numbers, or none. */
export function activate(panel, dot) {
  if (state.active?.node === dot?.node) return;
  state.active = dot ? { ...dot, panel } : null;
  placeSoon();
}

function showTip() {
  const { view, active } = state;
  const tip = find(".tip");
  tip.hidden = !active || !inView(view, active.at);
  if (tip.hidden) return;
  const [name, ...rest] = numbers(active);
  const text = make("div", {}, make("strong", {}, name), ...rest.map((line) => make("div", {}, line)));
  tip.replaceChildren(loupe(active, pixel(active.panel)), text);
}

/** The surroundings of a point, enlarged, with the answers of the models that are compared. */
function loupe({ face, index, at }, px) {
  const { data, active } = state;
  const models = mode() === "side" ? [...data.models.keys()] : active.panel.models;
  const answers = models.map((model) => pointOf(model, face, index));
  const reach = 2.5 * Math.max(...answers.map((place) => (place ? distance(place, at) : 0)));
  const wide = Math.max(MIN_ACROSS, (LOUPE / MAX_TIMES) * px, Math.min(reach, (LOUPE / MIN_TIMES) * px));
  return enlarged(face, index, at, wide, models, find(".picture image"));
}

/** A square of the photo `wide` px across about a place, with the answers of some models for one point. */
function enlarged(face, index, at, wide, models, image) {
  const { data } = state;
  const viewBox = `${at[0] - wide / 2} ${at[1] - wide / 2} ${wide} ${wide}`;
  const svg = make("svg", { class: "loupe", viewBox, "aria-hidden": "true" }, image.cloneNode());
  const marks = models.map((model) => [pointOf(model, face, index), haloed(shapeOf(model), data.models[model].colour)]);
  if (drawn("truth")) marks.push([data.truth[face]?.[index], haloed(CROSS, "#fff")]);
  for (const [place, paths] of marks) {
    if (place) svg.append(make("g", { transform: `translate(${place}) scale(${(1.6 * wide) / LOUPE})` }, ...paths));
  }
  return svg;
}
