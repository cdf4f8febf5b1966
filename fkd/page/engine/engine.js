// The detectors in this browser: the page's side of the worker. fkd/page/engine/__init__.py writes the files.
const BROKEN = "The engine cannot be started in this browser: reload the page, or use a newer browser.";

/** Opens the engine of a folder that `write_engine` wrote, and that this page's host serves.
 *
 * All its functions are async, and fail with an Error of one sentence. image: an upright ImageBitmap or ImageData,
 * which stays the caller's. models: names; those that lack are loaded first.
 *   models: [{name, owner, terms, colour, rmse, bytes, ...}]
 *   load(name, progress): progress is called with the part that has arrived, 0 to 1.
 *   answer(image, {models, boxes, turns, whole}) -> {width, height, boxes, scores, turns, models: {name:
 *     {faces: [{box, points: {name: [x, y]}, spread: {name: px}}]}}}, px of the photo: as `fkd predict`, in its JSON.
 *     boxes: [[x0, y0, x1, y1]] instead of a search, turns: those of an earlier answer; whole: the photo is one face.
 *   follow(image, {models, before, all, number}) -> [{box, models: {name: {points, spread, doubt}}}]: the faces of a
 *     video's frame, given those of the frame before it, and the number of the frame.
 *   frames(name, pixels): the network's outputs for frames of 96 x 96 px, one after the other, by name.
 *   close(): ends the worker.
 */
export async function openEngine(folder) {
  const base = new URL(folder, document.baseURI);
  const models = await readModels(base);
  const worker = new Worker(new URL("worker.js", base), { type: "module" });
  const waiting = new Map(); // by the number of the task
  let count = 0;
  worker.onmessage = ({ data: { id, value, error, progress } }) => {
    const task = waiting.get(id);
    if (progress !== undefined) return task?.progress?.(progress); // it may have failed
    waiting.delete(id);
    if (error) task.fail(new Error(error));
    else task.done(value);
  };
  worker.onerror = () => {
    waiting.forEach((task) => task.fail(new Error(BROKEN)));
    waiting.clear();
  };
  const ask = (task, values, progress) => new Promise((done, fail) => {
    waiting.set(++count, { done, fail, progress });
    worker.postMessage({ id: count, task, ...values });
  });
  const loading = {}; // by name
  const load = (name, progress) => {
    const model = models.find((each) => each.name === name);
    if (!model) return Promise.reject(new Error(`There is no model ${name} here.`));
    loading[name] ??= ask("load", { model }, progress).catch((error) => {
      delete loading[name];
      throw error;
    });
    return loading[name];
  };
  const loaded = async (names) => {
    if (!names?.length) throw new Error("Choose a model.");
    for (const name of names) await load(name);
  };
  return {
    models,
    load,
    async answer(image, { models: names, ...options }) {
      await loaded(names);
      return ask("answer", { image, models: names, options });
    },
    async follow(image, { models: names, before = [], ...options }) {
      await loaded(names);
      return ask("follow", { image, models: names, before, options });
    },
    async frames(name, pixels) {
      await load(name);
      return ask("frames", { model: name, frames: pixels });
    },
    close: () => worker.terminate(),
  };
}

async function readModels(base) {
  try {
    const response = await fetch(new URL("models.json", base));
    if (response.ok) return await response.json();
  } catch { /* no connection */ }
  throw new Error("The list of models could not be loaded: check your connection, then reload the page.");
}
