// Files made in the browser: the picture as it is seen, and the corrected points.
import { make } from "./elements.js";
import { state } from "./state.js";
import { dividerAt } from "./geometry.js";
import { SHAPES } from "./shapes.js";

const COPIED = [
  "display", "fill", "fill-opacity", "font-family", "font-size", "font-weight", "opacity", "paint-order", "stroke",
  "stroke-dasharray", "stroke-linecap", "stroke-linejoin", "stroke-opacity", "stroke-width", "vector-effect",
];
const [TEXT, LINE, GAP, SCALE] = [15, 22, 8, 2]; // px; SCALE: pixels of the file for one of the screen
const WIDEST = 4000; // pixels of the file

function download(blob, name) {
  const link = make("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

/** The chosen face's corrected points, as `fkd` reads true points. */
export function savePoints() {
  const places = state.corrected[state.chosen];
  const named = places.map((place, index) => [state.data.names[index], place?.map((value) => Math.round(100 * value) / 100)]);
  const points = Object.fromEntries(named.filter(([, place]) => place));
  download(new Blob([JSON.stringify({ points }, null, 2)], { type: "application/json" }), "corrected.json");
}

/** One picture of all panels with their legends, the verdict and where it comes from: shared, or downloaded. */
export const share = async () => {
  const blob = await compose();
  const file = new File([blob], "fkd.png", { type: "image/png" });
  if (matchMedia("(pointer: coarse)").matches && navigator.canShare?.({ files: [file] })) {
    try {
      return await navigator.share({ files: [file], title: "fkd" });
    } catch (error) {
      if (error.name === "AbortError") return;
    }
  }
  download(blob, "fkd.png");
};

async function compose() {
  const photo = await inlined(state.panels[0].svg.querySelector("image").getAttribute("href"));
  const panels = state.panels.map((panel) => ({ panel, box: panel.svg.getBoundingClientRect() }));
  const columns = panels.length > 1 ? 2 : 1;
  const { width, height } = panels[0].box;
  const total = columns * width + (columns - 1) * GAP;
  const rows = Math.ceil(panels.length / columns);
  const verdict = wrap(document.querySelector("#status")?.innerText.trim() ?? "", total / (0.52 * TEXT));
  const high = rows * (height + LINE + GAP) + (verdict.length + 1) * LINE;
  const all = make("svg", { xmlns: "http://www.w3.org/2000/svg", width: total, height: high });
  all.append(make("rect", { width: total, height: high, fill: "#fff" }));
  const write = (x, y, text, fill = "#111") =>
    all.append(make("text", { x, y, fill, "font-family": "system-ui, sans-serif", "font-size": TEXT }, text));
  panels.forEach(({ panel }, number) => {
    const [x, y] = [(number % columns) * (width + GAP), Math.floor(number / columns) * (height + LINE + GAP)];
    let at = x + 4;
    for (const model of panel.models) {
      const { name, colour } = state.data.models[model];
      const transform = `translate(${at + 8} ${y + 11})`;
      all.append(make("path", { d: SHAPES[model], transform, fill: "none", stroke: colour, "stroke-width": 2.5 }));
      write(at + 20, y + 16, name);
      at += 34 + 0.58 * TEXT * name.length;
    }
    all.append(picture(panel.svg, photo, { x, y: y + LINE, width, height }));
    if (panel.divider) {
      const across = x + dividerAt(width, state.split) * width;
      all.append(make("path", { d: `M${across} ${y + LINE}v${height}`, stroke: "#fff", "stroke-width": 2 }));
    }
  });
  const below = rows * (height + LINE + GAP) + LINE - 6;
  verdict.forEach((line, number) => write(4, below + number * LINE, line));
  write(4, below + verdict.length * LINE, "Keypoints by fkd", "#666");
  return toPng(all, total, high);
}

/** The photo as a data: URL: an SVG that becomes a picture loads nothing else. */
async function inlined(url) {
  const blob = await (await fetch(url)).blob();
  return new Promise((done) => {
    const reader = new FileReader();
    reader.onload = () => done(reader.result);
    reader.readAsDataURL(blob);
  });
}

function picture(svg, photo, place) {
  const copy = svg.cloneNode(true);
  copy.querySelector("image").setAttribute("href", photo);
  const [from, to] = [svg, copy].map((node) => [...node.querySelectorAll("*")]);
  to.forEach((node, index) => {
    const style = getComputedStyle(from[index]);
    for (const name of COPIED) node.style.setProperty(name, style.getPropertyValue(name));
    // A stroke that does not scale is as wide in the larger file as on the screen.
    if (style.vectorEffect === "non-scaling-stroke") node.style.strokeWidth = `${SCALE * parseFloat(style.strokeWidth)}px`;
  });
  for (const [name, value] of Object.entries(place)) copy.setAttribute(name, value);
  copy.removeAttribute("class");
  return copy;
}

/** Breaks text into lines of at most `most` characters. */
function wrap(text, most) {
  const lines = [];
  for (const word of text.split(/\s+/)) {
    if (lines.length && `${lines.at(-1)} ${word}`.length <= most) lines.push(`${lines.pop()} ${word}`);
    else lines.push(word);
  }
  return lines;
}

async function toPng(svg, width, height) {
  const scale = Math.min(SCALE, WIDEST / width, WIDEST / height);
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(new XMLSerializer().serializeToString(svg))}`;
  await image.decode();
  const canvas = make("canvas", { width: Math.round(scale * width), height: Math.round(scale * height) });
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  return new Promise((done) => canvas.toBlob(done, "image/png"));
}
