// A new value from the server, and the first one; `element`, `props` and `watch` come from Gradio.
import { around, clamp } from "./geometry.js";
import { find, panelsBox, root, stage } from "./elements.js";
import { boxOf, faceCount, memory, mode, state } from "./state.js";
import { ask, look, wholePhoto } from "./zoom.js";
import { letGo, startTool } from "./gestures.js";

const SMALL = 0.25; // share of the photo's width below which a face is opened close

const boxesIn = (data) => (data?.models?.[0]?.faces ?? []).map(({ box }) => String(box));

/** Points that the visitor has moved stay with their face, whatever models answer for it. */
function keepCorrected(before, data) {
  const [old, now] = [boxesIn(before), boxesIn(data)];
  const isOther = !before || data.photo !== before.photo || now.length < old.length;
  if (isOther) state.corrected = {};
  for (const face of Object.keys(state.corrected)) if (old[face] !== now[face]) delete state.corrected[face];
}

function show() {
  const before = state.data;
  const data = (state.data = props.value ? JSON.parse(JSON.stringify(props.value)) : null);
  letGo();
  find(".begin").hidden = Boolean(data);
  find(".filled").hidden = !data;
  state.panels = [];
  if (!data) return void panelsBox.replaceChildren();
  if (data.truth && !before?.truth) memory.layers.truth = true;
  keepCorrected(before, data);
  data.models = (data.models ?? []).slice(0, 4);
  for (const model of data.models) for (const face of model.faces) face.points ??= [];
  state.aspect = clamp(data.width / data.height, 0.8, 2.2);
  state.chosen = clamp(data.chosen ?? 0, 0, Math.max(0, faceCount() - 1));
  if (state.pair.some((model) => model >= data.models.length)) state.pair = [0, 1];
  const same = before && state.view && ["photo", "width", "height"].every((key) => before[key] === data[key]);
  if (!same) state.view = wholePhoto();
  startTool(null);
  const box = boxOf(state.chosen);
  if (!same && box && (data.zoomed || box[2] - box[0] < SMALL * data.width)) look(around(box, state.aspect));
}

new ResizeObserver(() => state.data && ask()).observe(stage);

// For tests, and for a download of what is seen: JSON.stringify(viewer.fkdViewer) is the state.
root.fkdViewer = element.fkdViewer = {
  get mode() { return state.data ? mode() : memory.mode; },
  get layers() { return { ...memory.layers }; },
  get view() { return state.view && { x: state.view.x, y: state.view.y, width: state.view.w, height: state.view.h }; },
  get chosen() { return state.chosen; },
  get pair() { return [...state.pair]; },
};
watch("value", show);
show();
