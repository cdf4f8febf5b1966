// Placing the fifteen points by hand, one after the other, or correcting those of a model.
import { words } from "./geometry.js";
import { draw } from "./panels.js";
import { find, haloed, make, state, trigger } from "./state.js";

/** A draft of points: all to be placed, or those of a model. */
export function startPlacing(tool) {
  const { models, names, truth } = state.data;
  const from = tool === "adjust" && (truth?.[state.chosen]?.length ? truth[state.chosen] : models.at(-1).faces[state.chosen].points);
  const points = names.map((_, index) => (from && from[index]) || null);
  state.draft = { face: state.chosen, points, next: tool === "place" ? 0 : null, past: [], first: points };
}

/** Changes the draft, so that it can be undone. */
function change(points, next) {
  const { draft } = state;
  draft.past.push([draft.points, draft.next]);
  Object.assign(draft, { points, next });
  draw();
}

/** Places the next point; null: it is not visible. */
export function placeNext(at) {
  const { points, next } = state.draft;
  if (next !== null) change(points.with(next, at), next + 1 < points.length ? next + 1 : null);
}

export const movePoint = (index, at) => (state.draft.points = state.draft.points.with(index, at));
export const remember = () => state.draft.past.push([state.draft.points, state.draft.next]);

export const placing = {
  undo() {
    [state.draft.points, state.draft.next] = state.draft.past.pop();
    draw();
  },
  skip: () => placeNext(null),
  restart: () => change(state.draft.first, state.tool === "place" ? 0 : null),
  done() {
    trigger("input", { points: state.draft.points, face: state.draft.face });
  },
};

/** The guide: which point comes next, and where it belongs on a face. */
export function showGuide() {
  const guide = find(".guide");
  const draft = state.draft?.points && state.draft;
  guide.hidden = !draft;
  if (!draft) return;
  const { names, mean, edges } = state.data;
  const { next, points, past } = draft;
  const lines = haloed(edges.map(([i, j]) => `M${mean[i]}L${mean[j]}`).join(""), "currentColor");
  const dots = mean.map(([cx, cy], index) => make("circle", { cx, cy, r: index === next ? 5 : 2, class: index === next ? "next" : "dot" }));
  find(".guide svg").replaceChildren(...lines, ...dots);
  find(".guide p").textContent = next === null
    ? "Drag any point to correct it, then press Done."
    : `${next + 1} of ${names.length}: tap the ${words(names[next])}. Left is the person's left.`;
  find("[data-place=undo]").disabled = !past.length;
  find("[data-place=skip]").disabled = next === null;
  find("[data-place=done]").disabled = !points.some(Boolean);
}
