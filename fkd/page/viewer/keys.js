// Buttons, the divider and keys.
import { inView, moveHandle, tidy } from "./geometry.js";
import { choose, letGo, panelOf, send, startTool } from "./gestures.js";
import { draw } from "./panels.js";
import { movePoint, placeNext, placing, remember } from "./place.js";
import { save } from "./points.js";
import { openShare, sharing } from "./share.js";
import { boxOf, findAll, root, settings, stage, state, trigger } from "./state.js";
import { activate, look, lookAtWorst, moveView, pixel, placeSoon, zooms } from "./view.js";

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const ZOOMS = { "+": "in", "=": "in", "-": "out", _: "out", 0: "fit" };
const ACTIONS = {
  see: lookAtWorst,
  share: openShare,
  cancel: () => startTool(null),
  delete() {
    state.deleted = boxOf(state.chosen);
    trigger("input", { box: null, face: state.chosen });
  },
  restore() {
    trigger("input", { box: state.deleted, face: null });
    state.deleted = null;
  },
};

function click({ target }) {
  const button = target.closest("button");
  const opens = button && "opens" in button.dataset;
  // A menu closes with a click elsewhere; layers are often switched several at a time.
  for (const menu of findAll("[aria-expanded=true]")) {
    if (menu !== button && !(button?.dataset.layer && menu.parentNode.contains(button))) menu.ariaExpanded = "false";
  }
  if (!button || !state.data) return;
  const { mode, layer, zoom, tool, does, place, share, face, save: kind } = button.dataset;
  if (face) {
    choose(Number(face));
    return zooms.face();
  }
  if (zoom) return zooms[zoom]();
  if (does) return ACTIONS[does]();
  if (place) return placing[place]();
  if (share) return sharing[share]();
  if (kind) return save(kind);
  if (opens) return void (button.ariaExpanded = String(button.ariaExpanded !== "true"));
  if (tool) return startTool(state.tool === tool ? null : tool);
  if (mode) settings.mode = mode;
  if (layer) settings.layers[layer] = !settings.layers[layer];
  draw();
}

function slide({ target }) {
  state.split = target.value / 100;
  placeSoon();
}

function key(event) {
  const { target, key: name } = event;
  if (!state.data || event.altKey || event.ctrlKey || event.metaKey) return;
  const panel = panelOf(target);
  if (!panel) return;
  const [arrow, how] = [ARROWS[name], ZOOMS[name]];
  const handle = panel.handles.find(({ node }) => node === target);
  const dot = panel.dots.find(({ node }) => node === target);
  if (how) zooms[how]();
  else if (state.tool === "draw" && name === "Enter") boxInTheMiddle(state.panels.indexOf(panel));
  else if (state.tool === "place" && !handle && name === "Enter") pointInTheMiddle(state.panels.indexOf(panel));
  else if (handle && (arrow || name === "Enter" || name === " ")) keyHandle(panel, handle, arrow, event.shiftKey);
  else if (arrow && dot) nextPoint(panel, dot, arrow[0] + arrow[1]);
  else if (arrow) moveView(0.1 * state.view.w * arrow[0], 0.1 * state.view.h * arrow[1]);
  else return;
  event.preventDefault();
}

/** Escape cancels a tool wherever the focus is: it is lost when a menu closes. */
function escape(event) {
  if (event.key !== "Escape" || !state.data || !root.isConnected) return;
  letGo();
  startTool(null);
}

/** Drawing without a pointer: a box to move by its handles. */
function boxInTheMiddle(number) {
  const { x, y, w, h } = state.view;
  state.tool = "correct";
  state.draft = { box: tidy([x + 0.3 * w, y + 0.3 * h, x + 0.7 * w, y + 0.7 * h], state.data), face: null };
  draw();
  state.panels[number].handles[4].node.focus({ preventScroll: true });
}

/** Placing without a pointer: a point to move by the arrow keys. */
function pointInTheMiddle(number) {
  const { view, draft } = state;
  const index = draft.next;
  if (index === null) return;
  placeNext([view.x + view.w / 2, view.y + view.h / 2]);
  state.panels[number].handles.find((handle) => handle.index === index).node.focus({ preventScroll: true });
}

function keyHandle(panel, handle, arrow, far) {
  if (!arrow) return state.draft.box ? send() : panel.svg.focus({ preventScroll: true });
  const step = (far ? 10 : 2) * pixel(panel);
  if (handle.index !== undefined) {
    remember();
    movePoint(handle.index, handle.at().map((value, axis) => value + step * arrow[axis]));
    return placeSoon();
  }
  const moved = moveHandle(handle, state.draft.box, step * arrow[0], step * arrow[1]);
  if (moved[2] > moved[0] && moved[3] > moved[1]) state.draft.box = tidy(moved, state.data);
  placeSoon();
}

function nextPoint(panel, from, step) {
  const { view } = state;
  const dots = panel.dots.filter((dot) => dot.face === state.chosen);
  const dot = dots.at((dots.indexOf(from) + step) % dots.length);
  if (!inView(view, dot.at)) look({ ...view, x: dot.at[0] - view.w / 2, y: dot.at[1] - view.h / 2 });
  dot.node.focus({ preventScroll: true });
}

/** One point of a picture is a stop of the Tab key: the one that was there last. */
function focused({ target }) {
  const panel = state.data && panelOf(target);
  const dot = panel?.dots.find(({ node }) => node === target);
  if (!dot) return;
  for (const other of panel.dots) other.node.setAttribute("tabindex", other === dot ? 0 : -1);
  activate(panel, dot);
}

export function listenToKeys() {
  stage.addEventListener("focusin", focused);
  stage.addEventListener("focusout", ({ target }) => target.matches(".point") && activate(null, null));
  root.addEventListener("click", click);
  root.addEventListener("input", slide);
  root.addEventListener("keydown", key);
  document.addEventListener("keydown", escape);
}
