// Buttons, the divider and keys.
import { inView, moveHandle, tidy } from "./geometry.js";
import { letGo, panelOf, send, startTool } from "./gestures.js";
import { draw } from "./panels.js";
import { share } from "./share.js";
import { root, settings, stage, state, toAddress, trigger } from "./state.js";
import { activate, look, moveView, pixel, placeSoon, zooms } from "./view.js";

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const ZOOMS = { "+": "in", "=": "in", "-": "out", _: "out", 0: "fit" };
const ACTIONS = { delete: () => trigger("input", { box: null, face: state.chosen }), share };

function click({ target }) {
  const button = target.closest("button");
  if (!button || !state.data) return;
  const { mode, layer, zoom, tool, does, opens } = button.dataset;
  if (zoom) return zooms[zoom]();
  if (does) return ACTIONS[does]();
  if (opens) return button.setAttribute("aria-expanded", button.getAttribute("aria-expanded") !== "true");
  if (tool) return startTool(state.tool === tool ? null : tool);
  if (mode) settings.mode = mode;
  if (layer) settings.layers[layer] = !settings.layers[layer];
  toAddress();
  draw();
}

function slide({ target }) {
  state.split = target.value / 100;
  placeSoon();
}

function key(event) {
  const { target, key: name } = event;
  if (!state.data || event.altKey || event.ctrlKey || event.metaKey) return;
  if (name === "Escape") {
    letGo();
    return startTool(null);
  }
  const panel = panelOf(target);
  if (!panel) return;
  const [arrow, how] = [ARROWS[name], ZOOMS[name]];
  const handle = panel.handles.find(({ node }) => node === target);
  const dot = panel.dots.find(({ node }) => node === target);
  if (how) zooms[how]();
  else if (state.tool === "draw" && name === "Enter") boxInTheMiddle(state.panels.indexOf(panel));
  else if (handle && (arrow || name === "Enter" || name === " ")) keyHandle(panel, handle, arrow, event.shiftKey);
  else if (arrow && dot) nextPoint(panel, dot, arrow[0] + arrow[1]);
  else if (arrow) moveView(0.1 * state.view.w * arrow[0], 0.1 * state.view.h * arrow[1]);
  else return;
  event.preventDefault();
}

/** Drawing without a pointer: a box to move by its handles. */
function boxInTheMiddle(number) {
  const { x, y, w, h } = state.view;
  state.tool = "correct";
  state.draft = { box: tidy([x + 0.3 * w, y + 0.3 * h, x + 0.7 * w, y + 0.7 * h], state.data), face: null };
  draw();
  state.panels[number].handles[4].node.focus({ preventScroll: true });
}

function keyHandle(panel, handle, arrow, far) {
  if (!arrow) return send();
  const step = (far ? 10 : 2) * pixel(panel);
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
}
