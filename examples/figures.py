"""Draw the figures of the documentation: python examples/figures.py.

docs/figures/keypoints.svg: the 15 keypoints with their names, as resnet18 finds them on an example photo.
docs/figures/accuracy.svg: test RMSE against the time per face, from the entries of the leaderboard.
docs/figures/faces.jpg: training faces with their labels, drawn by tests/drawn.py, as real ones may not be shown.
"""

import base64
import html
import io
import json
import runpy
from pathlib import Path

import numpy as np

from fkd import load, predict
from fkd.keypoints import EDGES, NAMES
from fkd.photo.reading import read_photo

ROOT = Path(__file__).parent.parent
STYLE = "font-family:system-ui,sans-serif;fill:#222"


def svg(width: float, height: float, parts: list[str]) -> str:
    """Return an SVG file."""
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" width="{width:g}">'
    return "\n".join([head, f'<rect width="{width:g}" height="{height:g}" fill="#fff"/>', *parts, "</svg>\n"])


def text(x: float, y: float, words: str, anchor: str = "start", size: int = 14) -> str:
    """Return a text element."""
    at = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}"'
    return f'<text {at} style="{STYLE}">{html.escape(words)}</text>'


def line(start: np.ndarray, end: np.ndarray, colour: str) -> str:
    """Return a line element."""
    (x1, y1), (x2, y2) = start, end
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}"/>'


def keypoints() -> str:
    """The face in the middle, the names in a column on each side."""
    photo = read_photo(ROOT / "examples" / "eileen_collins.png")
    (face,) = predict(load(ROOT / "checkpoints" / "resnet18"), photo)
    x0, y0, x1, y1 = face.box
    scale, margin = 360 / (x1 - x0), 215
    crop = photo.crop((round(x0), round(y0), round(x1), round(y1))).resize((360, 360))
    file = io.BytesIO()
    crop.convert("L").save(file, "JPEG", quality=88)
    image = base64.b64encode(file.getvalue()).decode()
    at = dict(zip(NAMES, (face.points + 0.5 - (round(x0), round(y0))) * scale + (margin, 20), strict=True))
    parts = [f'<image x="{margin}" y="20" width="360" height="360" href="data:image/jpeg;base64,{image}"/>']
    parts += [line(at[start], at[end], "#35e08a") for start, end in EDGES]
    for side in ("right", "left"):  # the subject's right is on the left of the picture
        middle = [name for name in NAMES if "left" not in name and "right" not in name]
        names = [name for name in NAMES if side in name] + (middle if side == "right" else [])
        names.sort(key=lambda name: at[name][1])
        for row, name in enumerate(names):
            x, y = (margin - 12 if side == "right" else margin + 372), 20 + 360 * (row + 0.5) / len(names)
            parts.append(line(at[name], np.array([x, y - 4]), "#9aa"))
            parts.append(text(x, y, name.replace("_", " "), "end" if side == "right" else "start", 13))
    parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="#35e08a" stroke="#000"/>' for x, y in at.values()]
    return svg(2 * margin + 360, 400, parts)


def accuracy() -> str:
    """Both axes are logarithmic; a bar is the 95% interval."""
    entries = [json.loads(path.read_text()) for path in sorted((ROOT / "leaderboard" / "wild15").glob("*.json"))]
    entries = [entry for entry in entries if isinstance(entry, dict) and entry.get("cost")]
    times = np.log([0.4, 30])  # ms
    errors = np.log([2.8, 0.8])  # px, upwards

    def place(ms: float, px: float) -> tuple[float, float]:
        x = 70 + 560 * (np.log(ms) - times[0]) / (times[1] - times[0])
        return x, 340 - 310 * (np.log(px) - errors[0]) / (errors[1] - errors[0])

    parts = [text(350, 388, "milliseconds per face (logarithmic)", "middle")]
    parts.append(f'<g transform="rotate(-90 18 185)">{text(18, 185, "test RMSE, px (lower is better)", "middle")}</g>')
    for ms in (0.5, 1, 2, 5, 10, 20):
        x, _ = place(ms, 1)
        parts += [line(np.array([x, 30]), np.array([x, 340]), "#eee"), text(x, 360, f"{ms:g}", "middle", 13)]
    for px in (1.0, 1.5, 2.0, 2.5):
        _, y = place(1, px)
        parts += [line(np.array([70, y]), np.array([630, y]), "#eee"), text(62, y + 4, f"{px:.1f}", "end", 13)]
    for entry in entries:
        result = entry["accuracy"]
        x, y = place(entry["cost"]["latency_ms"], result["figures"]["rmse"])
        _, low = place(1, result["rmse_low"])
        _, high = place(1, result["rmse_high"])
        colour = "#d22" if entry["name"] == "fcnn" else "#1a8f4d"
        parts.append(line(np.array([x, low]), np.array([x, high]), colour))
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5" fill="{colour}"/>')
        # Plain networks are named below their bars; flip averaging and ensembles are close to one another.
        if entry["mirror"] or len(entry["weights"]) > 1:
            name = "both ResNets" if len(entry["weights"]) > 1 else entry["name"].removesuffix("-mirror")
            short = f"{name}, averaged"
            parts.append(f'<g transform="rotate(-35 {x:.1f} {low - 8:.1f})">{text(x, low - 8, short, size=12)}</g>')
        else:
            parts.append(text(x, high + 18, entry["name"], "middle", 13))
    return svg(720, 400, parts)


if __name__ == "__main__":
    folder = ROOT / "docs" / "figures"
    folder.mkdir(exist_ok=True)
    (folder / "keypoints.svg").write_text(keypoints())
    (folder / "accuracy.svg").write_text(accuracy())
    faces = runpy.run_path(str(ROOT / "tests" / "drawn.py"))["draw_faces"](12)
    faces.draw(columns=6).save(folder / "faces.jpg", quality=80)
