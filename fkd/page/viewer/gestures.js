// Fingers, mouse and wheel: moving the photo, choosing a face, drawing and correcting its box.
import {
  clamp, dividerAt, distance, moveHandle, nearest, smallestAround, tidy, toPhoto,
} from "./geometry.js";
import { draw } from "./panels.js";
import { movePoint, placeNext, remember, startPlacing } from "./place.js";
import { boxOf, find, root, stage, state, trigger } from "./state.js";
import { activate, moveView, pixel, placeSoon, zoom, zooms } from "./view.js";

let gesture = null;
const pointers = new Map(); // where each finger is

// ---- choosing, drawing and correcting

export function choose(face) {
  if (face === state.chosen) return;
  state.chosen = face;
  startTool(state.tool);
}

export function startTool(next) {
  const box = boxOf(state.chosen);
  state.tool = next === "correct" && !box ? null : next;
  state.draft = state.tool === "correct" ? { box: [...box], face: state.chosen } : null;
  if (state.tool === "place" || state.tool === "adjust") {
    startPlacing(state.tool);
    zooms.face();
  }
  gesture = null;
  draw();
  if (state.draft?.points) find(".guide").scrollIntoView({ block: innerWidth < 700 ? "start" : "nearest" });
}

/** Sends the box to the server; the dashed box stays until the next value answers. */
export function send() {
  trigger("input", { box: tidy(state.draft.box, state.data), face: state.draft.face });
}

/** Forgets all pointers and the current gesture. */
export function letGo() {
  gesture = state.draft = null;
  pointers.clear();
}

// ---- what is under a finger

export const panelOf = (target) => state.panels.find((panel) => panel.svg.contains(target));
const placeIn = (panel, { clientX, clientY }) =>
  toPhoto(state.view, panel.svg.getBoundingClientRect(), [clientX, clientY]);

function dotAt(panel, at, reach) {
  const border = state.view.x + dividerAt(panel.frame.clientWidth, state.split) * state.view.w;
  const open = panel.divider ? panel.dots.filter((dot) => (dot.at[0] < border ? 0 : 1) === dot.side) : panel.dots;
  return nearest(open, at, reach * pixel(panel));
}

// ---- events

function down(event) {
  const panel = panelOf(event.target);
  if (!panel || event.button > 0) return;
  stage.setPointerCapture(event.pointerId);
  pointers.set(event.pointerId, [event.clientX, event.clientY]);
  if (pointers.size > 1) {
    if (gesture?.kind === "pan") gesture.kind = "pinch";
    return;
  }
  const at = placeIn(panel, event);
  const number = state.panels.indexOf(panel);
  gesture = { kind: "pan", id: event.pointerId, panel, number, at, screen: [event.clientX, event.clientY], moved: false };
  const reach = event.pointerType === "mouse" ? 12 : 24;
  const handle = state.draft && nearest(panel.handles, at, reach * pixel(panel));
  if (state.tool === "draw") gesture.kind = "draw";
  else if (handle) Object.assign(gesture, { kind: "handle", handle, box: state.draft.box, from: handle.at() });
}

function move(event) {
  if (!pointers.has(event.pointerId) || !gesture) return hover(event);
  const after = [event.clientX, event.clientY];
  // Redrawing makes new panels.
  if (!gesture.panel.svg.isConnected) gesture.panel = state.panels[gesture.number];
  const { panel, kind, at } = gesture;
  if (kind === "pinch") return pointers.size > 1 ? pinch(panel, event.pointerId, after) : undefined;
  if (event.pointerId !== gesture.id) return;
  gesture.moved ||= distance(after, gesture.screen) > (event.pointerType === "mouse" ? 3 : 8);
  pointers.set(event.pointerId, after);
  if (!gesture.moved) return;
  const now = placeIn(panel, event);
  if (kind === "draw") state.draft = { box: tidy([...at, ...now], state.data), face: null };
  if (kind === "handle") dragHandle(now[0] - at[0], now[1] - at[1]);
  if (kind === "pan") moveView(at[0] - now[0], at[1] - now[1]); // the place under the pointer stays under it
  placeSoon();
}

function dragHandle(dx, dy) {
  const { handle, box, from } = gesture;
  if (box) return void (state.draft.box = moveHandle(handle, box, dx, dy));
  if (!gesture.isKept) remember();
  gesture.isKept = true;
  movePoint(handle.index, [from[0] + dx, from[1] + dy]);
}

function pinch(panel, id, after) {
  const centre = ([a, b]) => ({ clientX: (a[0] + b[0]) / 2, clientY: (a[1] + b[1]) / 2 });
  const before = [...pointers.values()];
  pointers.set(id, after);
  const now = [...pointers.values()];
  const held = placeIn(panel, centre(before));
  if (distance(...before) > 0) zoom(distance(...now) / distance(...before), held);
  const moved = placeIn(panel, centre(now));
  moveView(held[0] - moved[0], held[1] - moved[1]);
}

function hover(event) {
  if (event.pointerType === "touch" || event.buttons) return;
  const panel = panelOf(event.target);
  activate(panel, panel && !state.tool ? dotAt(panel, placeIn(panel, event), 12) : null);
}

function up(event) {
  if (!pointers.delete(event.pointerId) || !gesture) return;
  const { kind, panel, moved } = gesture;
  if (pointers.size) return; // a pinch ends with its last finger
  gesture = null;
  if (kind === "draw" && moved && state.draft) finishDrawing(panel);
  if (kind === "handle" && moved) state.draft.box ? send() : draw();
  // Points are often placed close to each other.
  if ((kind === "pan" || state.tool === "place") && !moved) tap(panel, event);
  placeSoon();
}

function finishDrawing(panel) {
  const [x0, y0, x1, y1] = state.draft.box;
  if (Math.min(x1 - x0, y1 - y0) < 5 * pixel(panel)) return void (state.draft = null);
  state.tool = null;
  send();
  draw();
}

function tap(panel, event) {
  const at = placeIn(panel, event);
  if (state.tool === "place") return placeNext(at);
  const dot = dotAt(panel, at, event.pointerType === "mouse" ? 12 : 22);
  const face = dot ? dot.face : smallestAround(state.data.boxes, at);
  const number = state.panels.indexOf(panel);
  if (face !== null) choose(face);
  // Choosing redraws: the earlier panel and dot are no longer on the page.
  const now = state.panels[number];
  activate(now, dot && now.dots.find(({ node }) => node.dataset.key === dot.node.dataset.key));
}

function cancel(event) {
  pointers.delete(event.pointerId);
  if (gesture?.kind === "draw") state.draft = null;
  if (gesture?.kind === "handle" && gesture.box) state.draft.box = gesture.box;
  gesture = null;
  placeSoon();
}

function wheel(event) {
  const panel = state.data && panelOf(event.target);
  // While the whole photo is visible the wheel scrolls the page, unless Ctrl is held.
  if (!panel || (!event.ctrlKey && !root.hasAttribute("data-zoomed"))) return;
  event.preventDefault();
  const step = event.deltaY * (event.deltaMode ? 0.05 : event.ctrlKey ? 0.01 : 0.002);
  zoom(Math.exp(-clamp(step, -0.7, 0.7)), placeIn(panel, event));
}

export function listenToPointers() {
  stage.addEventListener("pointerdown", down);
  stage.addEventListener("pointermove", move);
  stage.addEventListener("pointerup", up);
  stage.addEventListener("pointercancel", cancel);
  stage.addEventListener("pointerleave", (event) => event.pointerType === "mouse" && activate(null, null));
  stage.addEventListener("wheel", wheel, { passive: false });
}
