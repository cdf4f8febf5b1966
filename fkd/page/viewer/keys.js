// Buttons, selects and keys.
import { inView, moveHandle, tidy } from "./geometry.js";
import { root, stage } from "./elements.js";
import { boxOf, memory, state, toAddress } from "./state.js";
import { activate, ask, look, moveView, pixel, zooms } from "./zoom.js";
import { draw } from "./drawing.js";
import { letGo, movePoint, panelOf, removeBox, send, startTool } from "./gestures.js";
import { savePoints, share } from "./share.js";

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const ZOOMS = { "+": "in", "=": "in", "-": "out", _: "out", 0: "fit" };

function click({ target }) {
  const button = target.closest("button");
  if (!button || !state.data) return;
  const { mode: nextMode, layer, zoom: how, tool: nextTool, does, opens } = button.dataset;
  if (how) return zooms[how]();
  if (does) return DOES[does]();
  if (opens) return void button.setAttribute("aria-expanded", button.getAttribute("aria-expanded") !== "true");
  if (nextMode) memory.mode = nextMode;
  if (layer) memory.layers[layer] = !memory.layers[layer];
  if (nextTool) return startTool(state.tool === nextTool ? null : nextTool);
  toAddress();
  draw();
}

const DOES = {
  delete: () => boxOf(state.chosen) && removeBox(),
  save: savePoints,
  share,
};

/** The divider, and the selects of its two models: choosing the other side's model swaps the two. */
function changed({ target }) {
  if (target.matches(".knob")) {
    state.split = target.value / 100;
    ask();
  } else if (target.matches(".side")) {
    const side = Number(target.dataset.side);
    if (state.pair[1 - side] === Number(target.value)) state.pair.reverse();
    else state.pair = state.pair.with(side, Number(target.value));
    draw();
  }
}

function key(event) {
  const { target, key: name } = event;
  if (!state.data || event.altKey || event.ctrlKey || event.metaKey) return;
  if (name === "Escape") return escape();
  const panel = panelOf(target);
  if (!panel) return;
  const [arrow, how] = [ARROWS[name], ZOOMS[name]];
  const handle = panel.handles.find(({ node }) => node === target);
  if (how) zooms[how]();
  else if (state.tool === "draw" && name === "Enter") boxInTheMiddle(state.panels.indexOf(panel));
  else if (handle && (arrow || name === "Enter" || name === " ")) keyHandle(panel, handle, arrow, event.shiftKey);
  else if (arrow && state.tool === "points" && target.matches(".point")) keyPoint(panel, target, arrow, event.shiftKey);
  else if (arrow && target.matches(".point")) nextPoint(panel, target, arrow[0] + arrow[1]);
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
  ask();
}

function keyPoint(panel, node, arrow, far) {
  const dot = panel.dots.find((other) => other.node === node);
  const step = (far ? 10 : 1) * pixel(panel);
  const [x, y] = state.corrected[dot.face]?.[dot.index] ?? dot.at;
  movePoint(dot, [x + step * arrow[0], y + step * arrow[1]]);
}

function nextPoint(panel, node, step) {
  const { view } = state;
  const dots = panel.dots.filter((dot) => dot.face === state.chosen);
  const dot = dots.at((dots.findIndex((other) => other.node === node) + step) % dots.length);
  if (!inView(view, dot.at)) look({ ...view, x: dot.at[0] - view.w / 2, y: dot.at[1] - view.h / 2 });
  dot.node.focus({ preventScroll: true });
}

function escape() {
  letGo();
  startTool(null);
}

/** One point of a picture is a stop of the Tab key: the one that was there last. */
function focused({ target }) {
  const panel = state.data && panelOf(target);
  const dot = panel?.dots.find(({ node }) => node === target);
  if (!dot) return;
  for (const other of panel.dots) other.node.setAttribute("tabindex", other === dot ? 0 : -1);
  activate(panel, dot);
}

stage.addEventListener("focusin", focused);
stage.addEventListener("focusout", ({ target }) => target.matches(".point") && activate(null, null));
root.addEventListener("click", click);
root.addEventListener("input", changed);
root.addEventListener("keydown", key);
