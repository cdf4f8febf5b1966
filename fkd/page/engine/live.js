// Live: one or two models follow faces in the camera's picture. Each frame is shown with its own points, mirrored, and
// none leaves this browser.
import { openEngine } from "./engine.js";

const CAMERA = { video: { facingMode: "user", width: { ideal: 640 }, height: { ideal: 480 } } };
const PROBLEMS = {
  NotFoundError: "No camera was found: connect one, then start again.",
  NotAllowedError: "The camera is blocked: allow it for this page in the browser, then start again.",
  NotReadableError: "The camera is in use by another program: close that, then start again.",
};
const PLAIN = "A browser gives the camera only to pages at https:// or localhost; choose a photo in Compare instead.";
const READY = "The camera is off. Its picture stays in this browser: nothing is sent.";
const FORM = `
  <form>
    <button type="button" class="start">Start the camera</button>
    <button type="button" class="snapshot" disabled>Snapshot to Compare</button>
    <label>Model <select class="model"></select></label>
    <label>Compare with <select class="model"><option value="">none</option></select></label>
    <label><input type="checkbox" class="all"> All faces</label>
    <label><input type="checkbox" class="spread"> Uncertainty</label>
  </form>
  <p><span class="key"></span> <span class="said" role="status"></span> <span class="rate"></span></p>
  <video muted playsinline></video>
  <canvas role="img" aria-label="The camera's picture with the points" hidden></canvas>`;

/** Builds Live in an element. engine: what `openEngine` opened, or its folder. onSnapshot: takes a frame as a File. */
export async function startLive(element, engine, onSnapshot) {
  element.classList.add("fkd-live");
  element.innerHTML = FORM;
  const find = (selector) => element.querySelector(selector);
  const [video, canvas, start, snapshot] = ["video", "canvas", ".start", ".snapshot"].map(find);
  const selects = [...element.querySelectorAll(".model")];
  const say = (text) => (find(".said").textContent = text);
  let stream; // of the camera, while it runs
  let wake = () => {}; // ends the wait for a frame
  let shown; // the frame on the canvas
  const loaded = new Set();

  try {
    engine = engine.models ? engine : await openEngine(engine);
  } catch (error) {
    return say(error.message);
  }
  const { models } = engine;
  if (!models.length) return say("No model of this page runs in a browser.");
  selects.forEach((select) => select.append(...models.map(({ name }) => new Option(name))));
  selects[0].value = models.reduce((a, b) => (b.bytes < a.bytes ? b : a)).name; // the quickest to arrive

  const wanted = () => [...new Set(selects.map(({ value }) => models.find(({ name }) => name === value)))].filter(Boolean);

  async function load() {
    find(".key").replaceChildren(...wanted().map(({ name, colour }) => {
      const part = Object.assign(document.createElement("span"), { textContent: name });
      part.style.setProperty("--colour", colour);
      return part;
    }));
    for (const { name } of wanted()) {
      const progress = (part) => stream && say(part < 1 ? `Loading ${name}: ${Math.floor(100 * part)}%` : `Starting ${name}`);
      await engine.load(name, progress);
      loaded.add(name);
    }
  }

  function stop(text = READY) {
    stream?.getTracks().forEach((track) => track.stop()); // turns its light off
    stream = video.srcObject = null;
    wake();
    shown?.close();
    shown = null;
    canvas.hidden = snapshot.disabled = true;
    start.textContent = "Start the camera";
    find(".rate").textContent = "";
    say(text);
  }

  async function run() {
    const camera = (stream = await navigator.mediaDevices.getUserMedia(CAMERA));
    start.disabled = false;
    if (!element.offsetWidth || document.hidden) return stop(); // left in the meantime
    camera.getVideoTracks()[0].onended = () => stop("The camera was disconnected: connect it, then start again.");
    start.textContent = "Stop the camera";
    video.srcObject = camera;
    await video.play();
    const loading = load().catch((error) => stream === camera && stop(error.message));
    let [fresh, faces, times] = [false, [], []];
    const onFrame = () => {
      fresh = true;
      wake();
      if (stream !== camera) return;
      if (video.requestVideoFrameCallback) video.requestVideoFrameCallback(onFrame);
      else requestAnimationFrame(onFrame);
    };
    onFrame();
    for (let number = 0; stream === camera; number++) {
      if (!fresh) await new Promise((done) => (wake = done));
      fresh = false;
      if (stream !== camera) break;
      const frame = await createImageBitmap(video);
      const names = wanted().map(({ name }) => name).filter((name) => loaded.has(name));
      const options = { models: names, before: faces, number, all: find(".all").checked };
      if (names.length) faces = await engine.follow(frame, options);
      if (stream !== camera) return frame.close();
      draw(frame, faces);
      times = [...times.filter((time) => time > performance.now() - 1000), performance.now()];
      if (names.length < wanted().length || number % 10) continue;
      say(faces.length > 1 ? `${faces.length} faces` : faces.length ? "Tracking a face" : "No face is seen");
      find(".rate").textContent = `${times.length} frames/s`;
    }
    await loading;
  }

  function draw(frame, faces) {
    shown?.close();
    shown = frame;
    const { width, height } = frame;
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    canvas.hidden = snapshot.disabled = false;
    const pen = canvas.getContext("2d");
    pen.setTransform(-1, 0, 0, 1, width, 0);
    pen.drawImage(frame, 0, 0);
    for (const { box, models: answers } of faces) {
      const size = Math.max(2, (box[2] - box[0]) / 60);
      for (const [order, { name, colour }] of wanted().entries()) {
        answers[name]?.points.forEach(([x, y], index) => {
          Object.assign(pen, { fillStyle: colour, strokeStyle: "#000a", lineWidth: 1 });
          pen.beginPath();
          if (order) pen.rect(x + 0.5 - size, y + 0.5 - size, 2 * size, 2 * size); // for the colour-blind
          else pen.arc(x + 0.5, y + 0.5, size, 0, 7);
          pen.fill();
          pen.stroke();
          const spread = answers[name].spread?.[index];
          if (!find(".spread").checked || !spread) return;
          Object.assign(pen, { strokeStyle: colour, lineWidth: 1.5 });
          pen.beginPath();
          pen.arc(x + 0.5, y + 0.5, spread, 0, 7);
          pen.stroke();
        });
      }
    }
  }

  start.addEventListener("click", () => {
    if (stream) return stop();
    if (!navigator.mediaDevices) return say(PLAIN);
    start.disabled = true; // while the browser asks
    run().catch((error) => stop(PROBLEMS[error.name] ?? error.message)).finally(() => (start.disabled = false));
  });
  selects.forEach((select) => select.addEventListener("change", () => {
    load().catch((error) => stop(error.message));
  }));
  snapshot.addEventListener("click", async () => {
    const picture = new OffscreenCanvas(shown.width, shown.height); // not mirrored
    picture.getContext("2d").drawImage(shown, 0, 0);
    const blob = await picture.convertToBlob({ type: "image/jpeg", quality: 0.95 });
    onSnapshot(new File([blob], "camera.jpg", { type: blob.type }));
  });
  new ResizeObserver(() => stream && !element.offsetWidth && stop()).observe(element); // its tab was left
  document.addEventListener("visibilitychange", () => stream && document.hidden && stop());
  window.addEventListener("pagehide", () => stop());
  say(READY);
}
