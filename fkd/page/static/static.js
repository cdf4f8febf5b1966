// The page without a server: photos are answered by the engine in this browser.
import * as K from "./engine/constants.js";
import { openEngine } from "./engine/engine.js";
import { startLive } from "./engine/live.js";
import "./photos.js";
import "./ranking.js";
import { answers } from "./viewer/points.js";
import { start } from "./viewer/start.js";

const SIDE = 1600; // px, longer side of the picture that is shown
const TABS = ["compare", "live", "leaderboard", "models", "about"];
const find = (selector) => document.querySelector(selector);
const first = JSON.parse(find("#first").textContent);
const opening = openEngine("engine/");
const props = { value: first };
let show = () => {}; // the viewer's

// The latest photo: {name, image, answer, truth}; null while the example is shown.
let photo = null;
const loaded = new Set(); // names of models
let latest = 0; // the number of the last request

const say = (text) => (find("#status").textContent = text);
const chosen = () => [...document.querySelectorAll("[name=model]:checked")].map(({ value }) => value);
const bySize = ({ models }, names) => models.filter(({ name }) => names.includes(name)).sort((a, b) => a.bytes - b.bytes).map(({ name }) => name);
const byPoint = (values) => K.NAMES.map((name) => values?.[name] ?? null);

/** Answers the photo, by a search or in the boxes given; of several requests at once the last one counts. */
async function answer(boxes, turns, face = 0) {
  const number = ++latest;
  const models = chosen();
  if (!models.length) return say("Choose a model.");
  const isLate = () => number !== latest;
  try {
    const engine = await opening;
    const names = bySize(engine, models);
    for (const [index, name] of names.entries()) {
      await engine.load(name, (part) => isLate() || say(`Loading ${name}: ${Math.floor(100 * part)}%`));
      loaded.add(name);
      if (isLate()) return;
      if (loaded.has(names[index + 1])) continue; // those that have arrived answer while the next one is on its way
      say("Looking for faces …");
      const ready = models.filter((each) => loaded.has(each));
      const options = { boxes, turns, whole: find("#whole").checked };
      const result = await engine.answer(photo.image, { models: ready, ...options });
      if (isLate()) return;
      photo.answer = result;
      photo.truth = result.boxes.map((box) => photo.truth[photo.boxes.findIndex((other) => String(other) === String(box))] ?? null);
      photo.boxes = result.boxes;
      await draw(engine, face, !boxes);
    }
  } catch (error) {
    if (!isLate()) say(error.message);
  }
}

async function draw(engine, face, isNew) {
  const { answer: result, truth } = photo;
  const count = result.boxes.length;
  say(count ? "" : "No face was found: draw a box around one under Edit, or choose a photo where the face is larger.");
  const models = Object.entries(result.models).map(([name, { faces }]) => {
    const { colour, owner, terms } = engine.models.find((model) => model.name === name);
    const points = faces.map((each) => ({ points: byPoint(each.points), spread: each.spread ? byPoint(each.spread) : null }));
    return { name, colour, whose: owner ? `by ${owner}; ${terms}` : "", faces: points };
  });
  props.value = {
    ...first, models, name: photo.name, photo: photo.url, width: result.width, height: result.height, boxes: result.boxes,
    scores: result.scores.map((score) => score && Math.round(10 * score) / 10),
    truth: truth.some(Boolean) ? truth.map((points) => points ?? []) : null, placed: truth.map(Boolean), chosen: face, zoomed: isNew && count > 0,
  };
  show();
}

/** Takes a file as the photo. */
async function take(file) {
  if (!file) return;
  const number = ++latest;
  openTab("compare");
  say("Reading the photo …");
  try {
    const image = await createImageBitmap(file);
    const url = await copyOf(image);
    if (number !== latest) return URL.revokeObjectURL(url);
    photo?.image.close();
    if (photo) URL.revokeObjectURL(photo.url);
    photo = { name: file.name || "photo", image, url, boxes: [], truth: [] };
  } catch {
    const advice = /\.hei[cf]$/i.test(file.name) ? "save it as JPEG first" : "expected a JPEG, PNG, WebP or AVIF";
    return number === latest && say(`${file.name || "This"} is not an image that this browser can read: ${advice}.`);
  }
  find("#again").hidden = false;
  await answer();
}

/** The photo as an upright picture for the screen, and for the card. */
async function copyOf(image) {
  const { width, height } = image;
  const scale = Math.min(1, SIDE / Math.max(width, height));
  const canvas = new OffscreenCanvas(Math.max(1, width * scale), Math.max(1, height * scale));
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  return URL.createObjectURL(await canvas.convertToBlob({ type: "image/jpeg", quality: 0.9 }));
}

/** The viewer's events: a box was drawn, corrected or deleted, or points were placed. */
async function changed(_, { face, box, points }) {
  if (!photo) await takeExample();
  if (!photo?.answer) return; // its models have not arrived, which the status says
  const { boxes, turns = [] } = photo.answer;
  if (points) {
    photo.truth[face] = points;
    return draw(await opening, face, false);
  }
  const at = face ?? boxes.length;
  const kept = [boxes.slice(0, at), boxes.slice(at + 1)];
  await answer(box ? [...kept[0], box, ...kept[1]] : kept.flat(), box ? turns : turns.toSpliced(at, 1), box ? at : 0);
}

async function takeExample() {
  const response = await fetch(first.photo);
  await take(new File([await response.blob()], "example.jpg"));
}

// ---- tabs and the address

function openTab(name) {
  const tab = TABS.includes(name) ? name : "compare";
  for (const each of TABS) find(`#${each}`).hidden = each !== tab;
  for (const link of document.querySelectorAll("nav a")) {
    if (link.dataset.tab === tab) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  if (tab === "live" && !find("#live").children.length) opening.then((engine) => startLive(find("#live"), engine, take), ({ message }) => say(message));
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[href^='?tab=']");
  if (!link || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  const query = new URLSearchParams(link.search);
  history.pushState(null, "", link.search);
  openTab(query.get("tab") === "model" ? "models" : query.get("tab"));
  const card = [...document.querySelectorAll("#models .row a")].find(({ textContent }) => textContent === query.get("model"));
  if (card) find(card.hash).scrollIntoView();
});
const inAddress = () => openTab(new URLSearchParams(location.search).get("tab"));
addEventListener("popstate", inAddress);

// ---- the way in: a file, drop, paste, the camera

const { choose, phoneCamera } = listenForPhotos(take);
find("#choose").addEventListener("click", () => choose());
find("#camera").addEventListener("click", () => phoneCamera() || openTab("live"));
find("#again").addEventListener("click", () => {
  latest++;
  photo = null;
  props.value = first;
  say("");
  show();
  find("#again").hidden = true;
});
find("#options").addEventListener("change", async ({ target }) => {
  if (!photo) return takeExample();
  const found = target.id === "whole" ? [] : [photo.answer?.boxes, photo.answer?.turns];
  await answer(...found);
});
window.fkd = { answers, isOwnPhoto: () => Boolean(photo) };
inAddress();
start({ element: find("#viewer"), props, trigger: changed, watch: (_, update) => (show = update) });
// The files are loaded once the example can be seen, unless the visitor saves data: then with the first photo.
if (!navigator.connection?.saveData) {
  requestIdleCallback?.(async () => {
    const engine = await opening.catch(() => ({ models: [] }));
    for (const name of bySize(engine, chosen())) await engine.load(name).catch(() => {}); // said with the first photo
  });
}
