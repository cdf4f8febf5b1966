// The points in numbers: a table of the chosen face, and all answers in files, in the formats of `fkd predict`.
import { words } from "./geometry.js";
import { download, find, make, state } from "./state.js";
import { columnsOf } from "./summary.js";

const BY_HAND = "by hand"; // in files, the model of points that the visitor placed

/** Fills the table: a row for each point, and their mean. */
export function showPoints() {
  const { data, chosen } = state;
  find(".numbers").hidden = !data.boxes.length;
  if (!data.boxes.length) return;
  const columns = columnsOf(data, chosen);
  const row = (tag, ...cells) => make("tr", {}, ...cells.map((cell) => make(tag, {}, cell)));
  const known = (value) => (Number.isFinite(value) ? value.toFixed(1) : "");
  const rows = data.names.map((name, index) => row("td", words(name), ...columns.map(({ values }) => known(values[index]))));
  const head = make("thead", {}, row("th", "point", ...columns.map(({ title }) => title)));
  const means = row("td", "mean", ...columns.map(({ mean }) => known(mean)));
  find(".numbers table").replaceChildren(head, make("tbody", {}, ...rows, means));
}

/** The answers of the moment: [{photo, model, faces: [{box, points, spread}]}]. */
export function answers() {
  const { models, boxes, truth, placed, names, name: photo = "photo" } = state.data;
  const named = (values) => Object.fromEntries(names.flatMap((name, index) => (values[index] ? [[name, values[index]]] : [])));
  const rows = models.map((model) => ({
    photo, model: model.name,
    faces: model.faces.map(({ points, spread }, index) => ({
      box: boxes[index], points: named(points), ...(spread && { spread: named(spread) }),
    })),
  }));
  const byHand = boxes.flatMap((box, index) => (placed?.[index] ? [{ box, points: named(truth[index]) }] : []));
  return byHand.length ? [...rows, { photo, model: BY_HAND, faces: byHand }] : rows;
}

const cell = (value) => {
  const text = String(value ?? "");
  const safe = /^\s*[=+\-@]/.test(text) && Number.isNaN(Number(text)) ? `'${text}` : text; // a formula to a spreadsheet
  return /[",\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
};
/** Answers as text, in the format of `fkd predict`. */
export function csvOf(names, rows) {
  const columns = names.flatMap((name) => [`${name}_x`, `${name}_y`]);
  const box = ["left", "top", "right", "bottom"].map((side) => `box_${side}`);
  const lines = rows.flatMap(({ photo, model, faces }) => faces.map((face, index) => [
    photo, index + 1, model, ...face.box, ...names.flatMap((point) => face.points[point] ?? ["", ""]),
    ...names.map((point) => face.spread?.[point] ?? ""),
  ]));
  const head = ["photo", "face", "model", ...box, ...columns, ...names.map((name) => `${name}_spread`)];
  return [head, ...lines].map((line) => line.map(cell).join(",")).join("\n") + "\n";
}

const WRITERS = {
  json: () => JSON.stringify(answers(), null, 1),
  csv: () => csvOf(state.data.names, answers()),
  /** The selected face's points: the visitor's own, or the last model's; this format counts from 1. */
  pts() {
    const { data: { models, truth, placed }, chosen } = state;
    const points = placed?.[chosen] ? truth[chosen] : models.at(-1).faces[chosen].points;
    const lines = points.map((at) => (at ? at.map((value) => (value + 1).toFixed(3)).join(" ") : "nan nan"));
    return `version: 1\nn_points: ${points.length}\n{\n${lines.join("\n")}\n}\n`;
  },
};

export const save = (kind) => download(new Blob([WRITERS[kind]()]), `keypoints.${kind}`);
