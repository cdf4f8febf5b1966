// The viewer's geometry: `node --test tests/page`. Read as text, so that node needs no package.json to know a module.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

const source = readFileSync(new URL("../../fkd/page/viewer/geometry.js", import.meta.url), "utf-8");
const geometry = await import("data:text/javascript," + encodeURIComponent(source));
const photo = { width: 1000, height: 600 };
const aspect = 1000 / 600;
const whole = geometry.within({ x: 0, y: 0, w: Infinity }, photo, aspect, 400);

/** Numbers, alone or in lists, equal to a millionth. */
function near(actual, expected) {
  const [a, b] = [[actual].flat(), [expected].flat()];
  assert.equal(a.length, b.length);
  a.forEach((value, index) => assert.ok(Math.abs(value - b[index]) < 1e-6, `${a} is not ${b}`));
}

test("the whole photo begins half a pixel before the centre of its first one", () => {
  assert.deepEqual(whole, { x: -0.5, y: -0.5, w: 1000, h: 600 });
});

test("a view stays in the photo and is neither wider than it nor zoomed beyond 40 screen pixels for one", () => {
  const right = geometry.within({ x: 900, y: 550, w: 500 }, photo, aspect, 400);
  assert.deepEqual(right, { x: 499.5, y: 299.5, w: 500, h: 300 });
  const left = geometry.within({ x: -90, y: -9, w: 500 }, photo, aspect, 400);
  assert.deepEqual(left, { x: -0.5, y: -0.5, w: 500, h: 300 });
  const inside = geometry.within({ x: 123, y: 45, w: 500 }, photo, aspect, 400);
  assert.deepEqual(inside, { x: 123, y: 45, w: 500, h: 300 });
  assert.equal(geometry.within({ x: 5, y: 5, w: 1 }, photo, aspect, 400).w, 10);
  assert.equal(geometry.within({ x: 0, y: 0, w: 1 }, { width: 4, height: 2 }, 2, 400).w, 4, "a photo of a few pixels");
});

test("a photo narrower than the view stands in its middle", () => {
  assert.deepEqual(geometry.within({ x: 7, y: 7, w: 900 }, { width: 100, height: 400 }, 0.5, 400), {
    x: -50.5, y: -0.5, w: 200, h: 400,
  });
});

test("zooming keeps a place where it is on the screen", () => {
  const rect = { left: 30, top: 50, width: 500, height: 300 };
  const at = [700, 150];
  const before = [30 + 700.5 / 2, 50 + 150.5 / 2];
  near(geometry.toPhoto(whole, rect, before), at);
  const closer = geometry.within(geometry.resized(whole, 250, at), photo, aspect, 500);
  assert.equal(closer.w, 250);
  near(geometry.toPhoto(closer, rect, before), at);
});

test("a view around a box has it in the middle and room for all of it", () => {
  for (const box of [[100, 100, 200, 400], [100, 100, 700, 200]]) {
    const { x, y, w } = geometry.around(box, aspect);
    near([x + w / 2, y + w / aspect / 2], [(box[0] + box[2]) / 2, (box[1] + box[3]) / 2]);
    near(Math.max((box[2] - box[0]) / w, ((box[3] - box[1]) * aspect) / w), 1 / 1.5);
  }
});

test("a box has its corners in order and ends at the photo's edges", () => {
  assert.deepEqual(geometry.tidy([300, 200, 100, 50], photo), [100, 50, 300, 200]);
  assert.deepEqual(geometry.tidy([1200, 700, -20, -3], photo), [-0.5, -0.5, 999.5, 599.5]);
});

test("each handle moves its own sides and is where it says", () => {
  const box = [100, 200, 300, 400];
  for (const [fx, fy] of geometry.HANDLES) {
    const moved = geometry.moveHandle({ fx, fy }, box, 7, -5);
    near(geometry.handleAt(moved, fx, fy), geometry.handleAt(box, fx, fy).map(
      (value, axis) => value + ([fx, fy][axis] === 0.5 ? 0 : [7, -5][axis]),
    ));
    const still = geometry.handleAt(box, 1 - fx, 1 - fy);
    near(geometry.handleAt(moved, 1 - fx, 1 - fy), still);
  }
  assert.deepEqual(box, [100, 200, 300, 400], "the box of before is left as it was");
  assert.equal(new Set(geometry.HANDLES.map(String)).size, 8);
});

test("the smallest box around a place is chosen", () => {
  const boxes = [[0, 0, 100, 100], null, [10, 10, 30, 30], [20, 20, 80, 80]];
  assert.equal(geometry.smallestAround(boxes, [25, 25]), 2);
  assert.equal(geometry.smallestAround(boxes, [50, 50]), 3);
  assert.equal(geometry.smallestAround(boxes, [5, 95]), 0);
  assert.equal(geometry.smallestAround(boxes, [101, 50]), null);
});

test("the nearest thing within reach; its place may be a function", () => {
  const things = [{ at: [0, 0] }, { at: () => [10, 0] }, { at: [100, 0] }];
  assert.equal(geometry.nearest(things, [8, 1], 12), things[1]);
  assert.equal(geometry.nearest(things, [4, 0], 12), things[0]);
  assert.equal(geometry.nearest(things, [50, 0], 12), null);
});

// ---- the answer in words

const url = (text) => "data:text/javascript," + encodeURIComponent(text);
const words = readFileSync(new URL("../../fkd/page/viewer/summary.js", import.meta.url), "utf-8");
const { columnsOf, summarize } = await import(url(words.replace("./geometry.js", url(source))));
const names = ["left_eye_center", "right_eye_center", "nose_tip"];
const eyes = [[100, 50], [50, 50]]; // 50 px apart

function said(noses, { rmse = {}, truth = null } = {}) {
  const models = Object.entries(noses).map(([name, nose]) => ({ name, faces: [{ points: [...eyes, nose] }] }));
  return summarize({ models, names, tested: { faces: 1234, rmse }, truth: truth && [truth] }, 0);
}

test("the benchmark says which model is better, by how much, and whether the models are equal", () => {
  const both = { fcnn: [75, 80], new: [78, 84] };
  const { headline, detail, worst, closest } = said(both, { rmse: { fcnn: 2.4, new: 1.15 } });
  assert.equal(headline, "On 1,234 test faces, new's errors are half as large as fcnn's.");
  assert.equal(detail, "Here they differ most at the nose tip, by 10% of the eye distance.");
  assert.deepEqual([worst.index, worst.at, worst.reach, closest], [2, [76.5, 82], 5, null]);
  assert.match(said(both, { rmse: { fcnn: 1.151, new: 1.15 } }).headline, /new and fcnn are equally accurate/);
  const three = said({ ...both, third: null }, { rmse: { fcnn: 2.4, new: 1.15, third: 1.2 } });
  assert.match(three.headline, /new is the most accurate: its errors are slightly smaller than third's and half as large/);
  assert.match(said({ fcnn: [75, 80] }, { rmse: { fcnn: 2.41 } }).headline, /fcnn is off by 2.4 px on a face 96 px wide/);
});

test("the table has distances and errors in px and percent, then places, and no number where a point is missing", () => {
  const models = ["a", "b"].map((name, number) => ({ name, faces: [{ points: [...eyes, [75 + 3 * number, 80 + 4 * number]] }] }));
  models[1].faces[0].spread = [1, 2, 6];
  const columns = columnsOf({ models, names, truth: [[...eyes, null]] }, 0);
  assert.deepEqual(columns.map(({ title }) => title), [
    "b apart, %", "b apart", "a error, %", "a error", "b error, %", "b error", "a x", "a y", "b x", "b y", "b uncertainty",
  ]);
  assert.deepEqual(columns[0].values, [0, 0, 10]);
  assert.deepEqual([columns[1].values[2], columns[3].values[2], columns[9].values, columns[10].mean], [5, NaN, [50, 50, 84], 3]);
});

test("a model that was not measured leaves the place where the models differ", () => {
  const { headline, detail } = said({ fcnn: [75, 80], mine: [75, 84] }, { rmse: { fcnn: 2.4 } });
  assert.equal(headline, "fcnn and mine differ most at the nose tip, by 8.0% of the eye distance.");
  assert.equal(detail, "");
  assert.deepEqual(said({ mine: [75, 80] }), { headline: "", detail: "", worst: null, closest: null });
});

test("true points decide who is closer, whatever the benchmark says", () => {
  const truth = [...eyes, [75, 80]];
  const rmse = { fcnn: 1, new: 2 };
  const { headline, closest } = said({ fcnn: [75, 86], new: [75, 83] }, { rmse, truth });
  assert.equal(headline, "new is closer: 2.0% against 4.0% of the eye distance.");
  assert.equal(closest, 1);
  assert.match(said({ fcnn: [75, 86] }, { truth }).headline, /fcnn is off by 4.0% of the eye distance on average/);
  assert.match(said({ a: [75, 86], b: [69, 80] }, { truth }).headline, /a and b are equally close: 4.0%/);
  assert.match(said({ a: [75, 86], b: [75, 83], c: [75, 80] }, { truth }).headline, /c is closest: 0.0% .*, against 2.0% \(b\) and 4.0% \(a\)/);
});

test("a time of a player belongs to the nearest frame, and a seek goes to a frame's middle", () => {
  const times = [0, 0.033, 0.133, 0.2];
  assert.deepEqual([-1, 0.0329999, 0.033, 0.08, 0.09, 9].map((time) => geometry.frameAt(times, time)), [0, 1, 1, 1, 2, 3]);
  near([1, 3].map((frame) => geometry.middleOf(times, frame, 0.3)), [0.083, 0.25]);
});
