// The card: the answer as a picture of 1200 x 630 px, made in the browser; shared, copied or saved.
import { words } from "./geometry.js";
import { download, find, make, set, shapeOf, state } from "./state.js";
import { inset } from "./view.js";

const [WIDTH, HEIGHT, MARGIN, TOP] = [1200, 630, 36, 150]; // px
const BOTTOM = HEIGHT - 96; // of the pictures: legends and the address are below
const FONT = "system-ui, sans-serif";
const CONSENT = "The card will show this photo. It is made in your browser, and leaves it only when you share it.";

/** Opens the dialog; a visitor's own photo is put on the card only after a click that says so. */
export function openShare() {
  const isOwn = window.fkd?.isOwnPhoto() ?? true;
  for (const button of dialog().querySelectorAll("[data-share]")) {
    const { share } = button.dataset;
    button.hidden = share !== "close" && (share === "show") !== isOwn;
  }
  dialog().classList.toggle("empty", isOwn);
  say(isOwn ? CONSENT : "");
  dialog().showModal();
  if (!isOwn) sharing.show();
}

const dialog = () => find("dialog");
const say = (text) => (find("dialog p").textContent = text);
const picture = () => new Promise((done) => find("dialog canvas").toBlob(done, "image/png"));
const file = async () => new File([await picture()], "fkd.png", { type: "image/png" });

export const sharing = {
  async show() {
    await compose(find("dialog canvas"));
    const files = [await file()];
    const possible = {
      send: Boolean(navigator.canShare?.({ files })), copy: "ClipboardItem" in window, save: true, close: true,
      link: !(window.fkd?.isOwnPhoto() ?? true),
    };
    for (const button of dialog().querySelectorAll("[data-share]")) button.hidden = !possible[button.dataset.share];
    dialog().classList.remove("empty");
    say("");
  },
  async send() {
    await navigator.share({ files: [await file()], text: find(".answer h2").textContent }).catch(() => {}); // cancelled
  },
  async copy() {
    await navigator.clipboard.write([new ClipboardItem({ "image/png": picture() })]);
    say("Copied.");
  },
  save: async () => download(await picture(), "fkd.png"),
  async link() {
    await navigator.clipboard.writeText(location.href);
    say("Copied.");
  },
  close: () => dialog().close(),
};

async function compose(canvas) {
  const pen = canvas.getContext("2d");
  pen.fillStyle = "#fff";
  pen.fillRect(0, 0, WIDTH, HEIGHT);
  pen.fillStyle = "#111";
  write(pen, find(".answer h2").textContent, MARGIN, 20, WIDTH - 2 * MARGIN, TOP - 30, 50, "bold");
  const panels = state.panels.slice(0, 2);
  const photo = await inlined(panels[0].svg.querySelector("image").getAttribute("href"));
  const css = await (await fetch(new URL("marks.css", import.meta.url))).text();
  const { worst } = state.summary;
  const slots = panels.length + Boolean(worst);
  const wide = (WIDTH - 2 * MARGIN - 20 * (slots - 1)) / slots;
  const high = BOTTOM - TOP;
  for (const [number, panel] of panels.entries()) {
    const { clientWidth, clientHeight } = panel.svg;
    const scale = Math.min(wide / clientWidth, high / clientHeight);
    const x = MARGIN + number * (wide + 20);
    const size = [scale * clientWidth, scale * clientHeight];
    pen.drawImage(await rendered(panel.svg, photo, css, ...size), x, TOP, ...size);
    writeLegend(pen, panel, x, TOP + size[1] + 10, wide);
  }
  if (worst) {
    const x = MARGIN + panels.length * (wide + 20);
    const side = Math.min(wide, high);
    const svg = inset(panels[0].svg.querySelector("image")).querySelector("svg");
    pen.drawImage(await rendered(svg, photo, css, side, side), x, TOP, side, side);
    write(pen, `Largest difference: ${words(state.data.names[worst.index])}`, x, TOP + side + 10, wide, 40, 24);
  }
  pen.fillStyle = "#555";
  write(pen, `fkd · ${location.host}${location.pathname}`, MARGIN, HEIGHT - 40, WIDTH - 2 * MARGIN, 30, 22);
}

/** Writes a text into a box of some width and height, in lines, as large as fits. */
function write(pen, text, x, y, width, height, size, weight = "") {
  pen.font = `${weight} ${size}px ${FONT}`;
  const lines = [""];
  for (const word of text.split(" ")) {
    const longer = `${lines.at(-1)} ${word}`.trim();
    if (!lines.at(-1) || pen.measureText(longer).width <= width) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  const fits = lines.length * size * 1.2 <= height && lines.every((line) => pen.measureText(line).width <= width);
  if (!fits && size > 10) return write(pen, text, x, y, width, height, size - 2, weight);
  lines.forEach((line, number) => pen.fillText(line, x, y + size * (0.95 + 1.2 * number), width));
}

function writeLegend(pen, panel, x, y, width) {
  const each = width / panel.models.length;
  for (const [number, model] of panel.models.entries()) {
    const { name, colour } = state.data.models[model];
    const shape = new Path2D();
    shape.addPath(new Path2D(shapeOf(model)), new DOMMatrix().translate(x + number * each + 12, y + 15).scale(1.5));
    [pen.strokeStyle, pen.lineWidth] = [colour, 4];
    pen.stroke(shape);
    pen.fillStyle = "#111";
    const mark = model === state.summary.closest ? `${name} (closest)` : name;
    write(pen, mark, x + number * each + 30, y, each - 36, 36, 24);
  }
}

/** The photo as a data: URL: an SVG that becomes a picture loads nothing else. */
async function inlined(url) {
  const reader = new FileReader();
  reader.readAsDataURL(await (await fetch(url)).blob());
  await new Promise((done) => reader.addEventListener("load", done));
  return reader.result;
}

/** A picture with its styles, as an image. */
async function rendered(svg, photo, css, width, height) {
  const copy = svg.cloneNode(true);
  copy.querySelector("image").setAttribute("href", photo);
  copy.append(make("style", {}, css));
  set(copy, { width, height, xmlns: svg.namespaceURI, "font-family": "system-ui" });
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(new XMLSerializer().serializeToString(copy))}`;
  await image.decode();
  return image;
}
