// The answer in words: which model is better, and where they differ. Pure functions on the viewer's value.
import { distance, eyeDistance, words } from "./geometry.js";

// The largest ratio of two errors for each phrase.
const RATIOS = [
  [0.29, "a quarter as large as"], [0.42, "a third as large as"], [0.58, "half as large as"],
  [0.71, "two thirds as large as"], [0.87, "three quarters as large as"], [0.97, "slightly smaller than"],
  [1, "as large as"],
];
const list = (items) => new Intl.ListFormat("en-GB").format(items);
const percent = (value) => `${value.toFixed(value < 9.95 ? 1 : 0)}%`;
const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

/** {headline, detail, worst, closest} for a face: two sentences, the point at which the models differ most, as {index,
 *  at, reach, share}, and the index of the model closest to the true points; null without.
 */
export function summarize(data, face) {
  const models = data.models.map(({ name, faces }) => ({ name, points: faces[face]?.points ?? [] }));
  const truth = data.truth?.[face] ?? [];
  const errors = truth.length ? errorsOf(models, truth, data.names) : [];
  const worst = worstPoint(models.map(({ points }) => points), data.names);
  const names = models.map(({ name }) => name);
  const where = worst && `at the ${words(data.names[worst.index])}, by ${percent(worst.share)} of the eye distance`;
  const headline = errors.length ? closestOf(errors) : testedOf(names, data.tested);
  if (!headline) return { headline: where ? `${list(names)} differ most ${where}.` : "", detail: "", worst, closest: null };
  const closest = errors.length > 1 ? names.indexOf(errors[0].name) : null;
  return { headline, detail: where ? `Here they differ most ${where}.` : "", worst, closest };
}

/** The numbers of a face in columns {title, values, mean}, px or % of the eye distance, the most telling first: how far
 * the models are from the first one and from the true points; then their points, and how uncertain they are.
 */
export function columnsOf({ models, names, truth }, face) {
  const answers = models.map(({ name, faces }) => ({ name, ...faces[face] }));
  const right = truth?.[face] ?? [];
  const column = (title, values) => ({ title, values, mean: mean(values.filter(Number.isFinite)) });
  const distances = (title, a, b, measured) => {
    const px = names.map((_, index) => (a[index] && b[index] ? distance(a[index], b[index]) : NaN));
    const ocular = eyeDistance(measured.map((points) => eyes(points, names))) || NaN;
    return [column(`${title}, %`, px.map((value) => (100 * value) / ocular)), column(title, px)];
  };
  const columns = [];
  for (const { name, points } of answers.slice(1)) {
    const [{ points: first }] = answers;
    columns.push(...distances(`${name} apart`, first, points, [first, points]));
  }
  for (const { name, points } of right.length ? answers : []) {
    columns.push(...distances(`${name} error`, points, right, [right]));
  }
  for (const { name, points, spread } of answers) {
    const [x, y] = [0, 1].map((axis) => points.map((at) => at?.[axis]));
    columns.push({ title: `${name} x`, values: x }, { title: `${name} y`, values: y });
    if (spread) columns.push(column(`${name} uncertainty`, spread));
  }
  return columns;
}

const eyes = (points, names) => ["left_eye_center", "right_eye_center"].map((eye) => points[names.indexOf(eye)]);

/** Each model's mean error in % of the true eye distance, the least first; none without both eyes. */
function errorsOf(models, truth, names) {
  const ocular = eyeDistance([eyes(truth, names)]);
  if (!ocular) return [];
  const found = models.map(({ name, points }) => {
    const away = truth.flatMap((at, index) => (at && points[index] ? [distance(at, points[index])] : []));
    return { name, error: away.length ? (100 * mean(away)) / ocular : NaN };
  });
  return found.filter(({ error }) => Number.isFinite(error)).sort((a, b) => a.error - b.error);
}

function worstPoint(answers, names) {
  const pairs = answers.flatMap((a, i) => answers.slice(i + 1).map((b) => [a, b]));
  let worst = null;
  for (const [a, b] of pairs) {
    const ocular = eyeDistance([eyes(a, names), eyes(b, names)]);
    if (!ocular) continue;
    for (const index of names.keys()) {
      if (!a[index] || !b[index]) continue;
      const reach = distance(a[index], b[index]);
      const share = (100 * reach) / ocular;
      const at = [0, 1].map((axis) => (a[index][axis] + b[index][axis]) / 2);
      if (!worst || share > worst.share) worst = { index, at, reach, share, ocular };
    }
  }
  return worst;
}

function closestOf([best, ...others]) {
  const is = percent(best.error);
  if (!others.length) return `${best.name} is off by ${is} of the eye distance on average.`;
  if (others.length > 1) {
    const rest = others.map(({ name, error }) => `${percent(error)} (${name})`);
    return `${best.name} is closest: ${is} of the eye distance, against ${list(rest)}.`;
  }
  const then = percent(others[0].error);
  if (then === is) return `${best.name} and ${others[0].name} are equally close: ${is} of the eye distance.`;
  return `${best.name} is closer: ${is} against ${then} of the eye distance.`;
}

/** The models' results on the benchmark, in words; empty if one was not measured. tested: {faces, rmse: {name: px}}. */
function testedOf(names, tested) {
  if (!names.length || !names.every((name) => tested?.rmse[name])) return "";
  const [best, ...others] = [...names].sort((a, b) => tested.rmse[a] - tested.rmse[b]);
  const where = `On ${tested.faces.toLocaleString("en")} test faces`;
  if (!others.length) return `${where}, ${best} is off by ${tested.rmse[best].toFixed(1)} px on a face 96 px wide.`;
  const phrase = (other) => RATIOS.find(([most]) => tested.rmse[best] / tested.rmse[other] <= most)[1];
  const equal = others.length === 1 && phrase(others[0]) === "as large as";
  if (equal) return `${where}, ${best} and ${others[0]} are equally accurate.`;
  const than = list(others.map((other) => `${phrase(other)} ${other}'s`));
  return others.length === 1
    ? `${where}, ${best}'s errors are ${than}.`
    : `${where}, ${best} is the most accurate: its errors are ${than}.`;
}
