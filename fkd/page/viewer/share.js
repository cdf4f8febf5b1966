// The picture as it is seen, as a file made in the browser.
import { dividerAt } from "./geometry.js";
import { SHAPES, make, set, state } from "./state.js";

const [FONT, LINE, GAP] = ["15px system-ui, sans-serif", 22, 8]; // px
const [SCALE, MAX_SIDE] = [2, 4000]; // pixels of the file for one of the screen, and its longest side

/** One picture of all panels with their legends and the verdict: shared on a phone, or downloaded. */
export async function share() {
  const canvas = await compose();
  const blob = await new Promise((done) => canvas.toBlob(done, "image/png"));
  const files = [new File([blob], "fkd.png", { type: "image/png" })];
  if (matchMedia("(pointer: coarse)").matches && navigator.canShare?.({ files })) {
    return navigator.share({ files, title: "fkd" }).catch(() => {}); // the visitor may cancel
  }
  const link = make("a", { href: URL.createObjectURL(blob), download: "fkd.png" });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

async function compose() {
  const { panels } = state;
  const { width, height } = panels[0].svg.getBoundingClientRect();
  const columns = Math.min(panels.length, 2);
  const rows = Math.ceil(panels.length / columns);
  const total = columns * (width + GAP) - GAP;
  const high = rows * (height + LINE + GAP) + 2 * LINE;
  const scale = Math.min(SCALE, MAX_SIDE / total, MAX_SIDE / high);
  const canvas = make("canvas", { width: Math.round(scale * total), height: Math.round(scale * high) });
  const pen = canvas.getContext("2d");
  pen.scale(scale, scale);
  pen.font = FONT;
  pen.fillStyle = "#fff";
  pen.fillRect(0, 0, total, high);
  pen.fillStyle = "#111";
  const photo = await inlined(panels[0].svg.querySelector("image").getAttribute("href"));
  const css = await (await fetch(new URL("marks.css", import.meta.url))).text();
  for (const [number, panel] of panels.entries()) {
    const [x, y] = [(number % columns) * (width + GAP), Math.floor(number / columns) * (height + LINE + GAP)];
    writeLegend(pen, panel, x, y);
    pen.drawImage(await rendered(panel.svg, photo, css), x, y + LINE, width, height);
    if (!panel.divider) continue;
    pen.fillStyle = "#fff";
    pen.fillRect(x + dividerAt(width, state.split) * width - 1, y + LINE, 2, height);
  }
  pen.fillStyle = "#111";
  pen.fillText(document.querySelector("#status")?.innerText.trim() ?? "", 4, high - LINE - 6, total - 8);
  pen.fillStyle = "#666";
  pen.fillText("Keypoints by fkd", 4, high - 6);
  return canvas;
}

function writeLegend(pen, panel, x, y) {
  for (const model of panel.models) {
    const { name, colour } = state.data.models[model];
    const shape = new Path2D();
    shape.addPath(new Path2D(SHAPES[model]), new DOMMatrix().translate(x + 12, y + 11));
    [pen.strokeStyle, pen.lineWidth] = [colour, 2.5];
    pen.stroke(shape);
    pen.fillText(name, x + 24, y + 16);
    x += 38 + pen.measureText(name).width;
  }
}

/** The photo as a data: URL: an SVG that becomes a picture loads nothing else. */
async function inlined(url) {
  const reader = new FileReader();
  reader.readAsDataURL(await (await fetch(url)).blob());
  await new Promise((done) => reader.addEventListener("load", done));
  return reader.result;
}

/** A panel's picture with its styles, as an image. */
async function rendered(svg, photo, css) {
  const copy = svg.cloneNode(true);
  copy.querySelector("image").setAttribute("href", photo);
  copy.append(make("style", {}, css));
  set(copy, { width: svg.clientWidth, height: svg.clientHeight, xmlns: svg.namespaceURI, "font-family": "system-ui" });
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(new XMLSerializer().serializeToString(copy))}`;
  await image.decode();
  return image;
}
