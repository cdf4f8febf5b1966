// The engine's Web Worker: files, networks, and answers, one after the other. engine.js is the other side.
import { EngineError, answer, follow } from "./answer.js";
import { BASE_BYTES, MEGAPIXELS, SHORTEST } from "./constants.js";
import { detectorOf, finderOf, openNetwork, startRuntime } from "./networks.js";
import { toGrey } from "./pixels.js";

const STRIP = 512; // rows of a photo that a canvas holds at a time
const OLD = "This browser cannot run the networks: it needs WebAssembly with SIMD, as Chrome 91, Firefox 89 or Safari 16.4";
const networks = {}; // by name: {name, rmse, run}
let yunet;
let canvas;

async function download(file, label, onBytes) {
  let bytes;
  try {
    const response = await fetch(new URL(encodeURIComponent(file), import.meta.url));
    if (!response.ok) throw new Error(response.statusText);
    const count = (chunk, controller) => (onBytes(chunk.byteLength), controller.enqueue(chunk));
    const counted = response.body.pipeThrough(new TransformStream({ transform: count }));
    bytes = new Uint8Array(await new Response(counted).arrayBuffer());
  } catch {
    throw new EngineError(`${label} could not be loaded: check your connection, then try again.`);
  }
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes; // the host has unpacked it
  try {
    const unpacked = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Uint8Array(await new Response(unpacked).arrayBuffer());
  } catch {
    throw new EngineError(`${label} arrived damaged: reload the page.`);
  }
}

async function open(file, label) {
  try {
    return await openNetwork(file);
  } catch (error) {
    if (/SIMD|no available backend|CompileError/i.test(error)) throw new EngineError(`${OLD} or newer have it.`);
    throw new EngineError(`${label} cannot be read as a network: reload the page.`);
  }
}

async function load({ model }, progress) {
  if (networks[model.name]) return;
  const total = model.bytes + (yunet ? 0 : BASE_BYTES);
  let received = 0;
  const get = (file, label) => download(file, label, (size) => progress(Math.min(1, (received += size) / total)));
  const wanted = get(model.file, model.name);
  if (!yunet) {
    const both = [get("ort.wasm.gz", "The runtime"), get("yunet.onnx.gz", "The face finder"), wanted];
    const [wasm, finder] = await Promise.all(both);
    startRuntime(wasm);
    yunet = finderOf(await open(finder, "The face finder"));
  }
  networks[model.name] = { ...model, run: detectorOf(await open(await wanted, model.name)) };
}

async function greyOf(image) {
  const { width, height } = image;
  if (Math.min(width, height) < SHORTEST) {
    const least = `expected at least ${SHORTEST} x ${SHORTEST} px`;
    throw new EngineError(`The photo is ${width} x ${height} px: too small to hold a face, ${least}.`);
  }
  if (width * height > MEGAPIXELS * 1e6) {
    throw new EngineError(`The photo is larger than ${MEGAPIXELS} megapixels: shrink it first.`);
  }
  const grey = new Uint8Array(width * height);
  const bitmap = image instanceof ImageData ? await createImageBitmap(image) : image;
  const rows = Math.min(height, STRIP);
  if (canvas?.width !== width || canvas.height !== rows) canvas = new OffscreenCanvas(width, rows);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.fillStyle = "white"; // behind what is transparent
  for (let top = 0; top < height; top += rows) {
    context.fillRect(0, 0, width, rows);
    context.drawImage(bitmap, 0, -top);
    toGrey(context.getImageData(0, 0, width, Math.min(rows, height - top)).data, grey, top * width);
  }
  bitmap.close(); // this side's copy
  return { width, height, data: grey };
}

const chosen = (names) => names.map((name) => networks[name]);

const TASKS = {
  load,
  answer: async ({ image, models, options }) => answer(await greyOf(image), chosen(models), yunet, options),
  follow: async ({ image, models, before, options }) =>
    follow(await greyOf(image), chosen(models), yunet, before, options),
  frames: ({ model, frames }) => networks[model].run(frames),
};

const last = {}; // the end of the latest load, and of the latest answer: a download holds up no answer
self.onmessage = ({ data }) => {
  const { id, task } = data;
  const line = task === "load" ? "load" : "answer";
  last[line] = (last[line] ?? Promise.resolve()).then(async () => {
    try {
      const value = await TASKS[task](data, (progress) => self.postMessage({ id, progress }));
      self.postMessage({ id, value });
    } catch (error) {
      const text = error instanceof EngineError ? error.message : `The engine failed (${error.message ?? error}).`;
      self.postMessage({ id, error: text });
    }
  });
};
