// The view, and all that moves with it. `px` is how many pixels of the photo one pixel of the screen shows.
import { around, clamp, distance, dividerAt, inView, resized, shortName } from "./geometry.js";
import { spreadOut, tidy, within, words } from "./geometry.js";
import { haloed, make, root, set, tip } from "./elements.js";
import { boxOf, drawn, faceScale, numbers, state } from "./state.js";
import { loupe } from "./loupe.js";

let frameAsked = false;

const allowed = (view) => within(view, state.data, state.aspect, state.panels[0]?.frame.clientWidth || 400);
export const wholePhoto = () => allowed({ x: 0, y: 0, w: Infinity });
export const pixel = (panel) => state.view.w / panel.frame.clientWidth;

export function look(next) {
  state.view = allowed(next);
  ask();
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

/** Once a frame is enough, however many wheel and pointer events there are. */
export function ask() {
  if (frameAsked) return;
  frameAsked = true;
  requestAnimationFrame(() => {
    frameAsked = false;
    if (state.data) place();
  });
}

export function place() {
  root.toggleAttribute("data-zoomed", state.view.w < wholePhoto().w * 0.999);
  root.dataset.tool = state.tool ?? "";
  for (const panel of state.panels) placePanel(panel);
  showTip();
}

function placePanel(panel) {
  const { view, active, draft } = state;
  const width = panel.frame.clientWidth;
  if (!width) return; // in a tab that is not open
  const px = pixel(panel);
  const scale = px * clamp(width / 400, 0.6, 1); // small panels, smaller marks
  panel.svg.setAttribute("viewBox", `${view.x} ${view.y} ${view.w} ${view.h}`);
  for (const { node, at, face, index } of panel.marks) {
    const [x, y] = (typeof at === "function" ? at() : at) ?? [0, 0];
    const grown = index !== undefined && active?.face === face && active?.index === index ? 1.5 : 1;
    const isMark = face !== undefined && !node.matches(".label");
    const size = isMark ? scale * grown * faceScale(face, px) : px;
    node.setAttribute("transform", `translate(${x} ${y}) scale(${size})`);
  }
  for (const { arrow, head, from, to } of panel.arrows) {
    const long = distance(from, to) / px;
    const turn = (Math.atan2(to[1] - from[1], to[0] - from[0]) * 180) / Math.PI;
    arrow.style.display = long > 0.5 ? "" : "none";
    head.setAttribute("transform", `translate(${to}) rotate(${turn}) scale(${px * Math.min(9, 0.7 * long)})`);
  }
  if (panel.divider) placeDivider(panel, dividerAt(width, state.split));
  panel.draft.style.display = draft ? "" : "none";
  if (draft) {
    const [x, y, x1, y1] = tidy(draft.box, state.data);
    const rects = panel.draft.querySelectorAll(":scope > rect");
    for (const rect of rects) set(rect, { x, y, width: x1 - x, height: y1 - y });
  }
  placeNames(panel, px);
}

function placeDivider(panel, at) {
  const { x, y, w, h } = state.view;
  panel.divider.style.left = `${100 * at}%`;
  panel.clips.forEach(({ firstChild: rect }, side) => {
    set(rect, { x: side ? x + at * w : x, y, width: (side ? 1 - at : at) * w, height: h });
  });
}

/** The chosen face's names, in a column on each side of it with thin lines to the points: at these they overlap. */
function placeNames(panel, px) {
  panel.names.replaceChildren();
  if (!drawn("names")) return;
  const { data, view, chosen } = state;
  const face = panel.models.map((model) => data.models[model].faces[chosen]).find(Boolean);
  const all = (face?.points ?? []).map((at, index) => ({ at, name: data.names[index] }));
  const seen = all.filter(({ at }) => at && inView(view, at));
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
    spreadOut(column, 15 * px, view.y + 9 * px, view.y + view.h - 9 * px);
    panel.names.append(...haloed(column.map(({ at, y }) => `M${x} ${y}L${at}`).join(""), "#fff"));
    for (const { name, y } of column) {
      const transform = `translate(${x + (side ? 3 : -3) * px} ${y}) scale(${px})`;
      panel.names.append(make("text", { "text-anchor": side ? "start" : "end", dy: "0.35em", transform }, text(name)));
    }
  });
}

/** Shows another point's numbers, or none's. */
export function activate(panel, dot) {
  if (state.active?.node === dot?.node) return;
  state.active = dot ? { ...dot, panel } : null;
  ask();
}

function showTip() {
  const { view, active } = state;
  tip.hidden = !active || !inView(view, active.at);
  if (tip.hidden) return;
  const [name, ...rest] = numbers(active);
  const text = make("div", {}, make("strong", {}, name), ...rest.map((line) => make("div", {}, line)));
  tip.replaceChildren(loupe(active, pixel(active.panel)), text);
}
