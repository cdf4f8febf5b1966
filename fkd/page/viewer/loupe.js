// The magnifier of one point.
import { distance } from "./geometry.js";
import { find, haloed, make } from "./elements.js";
import { drawn, mode, pointOf, state } from "./state.js";
import { CROSS, SHAPES } from "./shapes.js";

const SIDE = 120; // px of the screen
const TIMES = 6;
const LEAST_TIMES = 2; // reached if another model's answer is far away
const LEAST = 6; // px of the photo across, however far one has zoomed in

/** The surroundings of a point, up to TIMES larger than on the screen, with the answers of the models that are compared. */
export function loupe({ face, index, at }, px) {
  const { data } = state;
  const models = mode() === "slider" ? state.pair : [...data.models.keys()];
  const answers = models.map((model) => pointOf(model, face, index)).filter(Boolean);
  const reach = 2.5 * Math.max(...answers.map((place) => distance(place, at)));
  const wide = Math.max(LEAST, (SIDE / TIMES) * px, Math.min(reach, (SIDE / LEAST_TIMES) * px));
  const [x, y] = [at[0] - wide / 2, at[1] - wide / 2];
  const svg = make("svg", { class: "loupe", viewBox: `${x} ${y} ${wide} ${wide}`, "aria-hidden": "true" });
  const image = find(".picture image");
  svg.append(image.cloneNode());
  const mark = (place, paths) => {
    if (!place) return;
    svg.append(make("g", { transform: `translate(${place}) scale(${(1.6 * wide) / SIDE})` }, ...paths));
  };
  for (const model of models) mark(pointOf(model, face, index), haloed(SHAPES[model], data.models[model].colour));
  if (drawn("truth")) mark(data.truth[face]?.[index], haloed(CROSS, "#fff"));
  mark(state.corrected[face]?.[index], haloed(SHAPES[0], "#fff"));
  return svg;
}
