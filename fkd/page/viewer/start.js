// A viewer in an element of Gradio's, and its values from the server.
import { around, clamp, inView } from "./geometry.js";
import { letGo, listenToPointers, startTool } from "./gestures.js";
import { listenToKeys } from "./keys.js";
import { attach, boxOf, chooseShapes, faceCount, find, root, settings, stage, state } from "./state.js";
import { look, placeSoon, wholePhoto } from "./view.js";

const SMALL = 0.25; // share of the photo's width below which a face is opened close

/** Starts the viewer; everything comes from Gradio. */
export function start({ element, props, trigger, watch }) {
  attach(element, trigger);
  listenToPointers();
  listenToKeys();
  new ResizeObserver(() => state.data && placeSoon()).observe(stage);
  root.fkdViewer = { state, settings }; // for tests
  watch("value", () => show(props.value));
  show(props.value);
}

function show(value) {
  const before = state.data;
  const data = (state.data = value ? JSON.parse(JSON.stringify(value)) : null);
  letGo();
  find(".begin").hidden = Boolean(data);
  find(".filled").hidden = !data;
  state.panels = [];
  if (!data) return find(".panels").replaceChildren();
  chooseShapes();
  if (before?.photo !== data.photo) state.deleted = null;
  if (data.truth && !before?.truth) settings.layers.truth = true;
  state.aspect = clamp(data.width / data.height, 0.8, 2.2);
  state.chosen = clamp(data.chosen, 0, Math.max(0, faceCount() - 1));
  const same = state.view && before?.photo === data.photo;
  if (!same) state.view = wholePhoto();
  startTool(null);
  const box = boxOf(state.chosen);
  const isNew = same && box && !before.boxes.some((other) => String(other) === String(box));
  if (isNew && !(inView(state.view, box.slice(0, 2)) && inView(state.view, box.slice(2)))) look(around(box, state.aspect));
  if (!same && box && (data.zoomed || box[2] - box[0] < SMALL * data.width)) look(around(box, state.aspect));
}
