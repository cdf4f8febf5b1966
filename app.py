"""The page: two detectors side by side on your own photo, and the leaderboard."""

import functools
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

import gradio as gr
import numpy as np
import pandas as pd
from pandas.io.formats.style import Styler
from PIL import Image

from fkd.checkpoint import Checkpoint, load_checkpoint
from fkd.draw import GREEN, RED, draw_points
from fkd.evaluate import Evaluation
from fkd.faces import FaceBox
from fkd.keypoints import LEFT_EYE, NAMES, RIGHT_EYE
from fkd.leaderboard import KAGGLE, Benchmark, read_benchmarks, read_entries, read_published, table
from fkd.plots import keypoint_errors, robustness_curves, training_curves
from fkd.predict import Face, find_confirmed_faces, predict, read_photo
from fkd.robustness import STEPS

HOME = Path(__file__).parent
LEAST, MOST = 800, 1600  # px, longest side: the page draws on photos brought into this range
VIEW = ["download", "fullscreen"]
PALETTE = (RED, GREEN, "#3b82f6", "#f59e0b", "#a855f7", "#06b6d4", "#ec4899", "#84cc16")
TITLE = """# fkd: judge facial keypoint detectors on your own face
Upload a photo: two models mark 15 keypoints on every face, side by side. Photos are deleted
from the server within the hour."""
NO_FACE = (
    "**No face was found in this photo.** Try one where the face is larger or looks more towards the camera, "
    "or tick *the whole photo is one face* if it is cropped tightly already."
)
WHAT_RANKS = """Ranked by **RMSE** in pixels of the 96 x 96 frame, over all labelled coordinates of held-out faces
(lower is better), with its 95% interval from a bootstrap by face. **Mean error** is in percent of the distance between
the eye centres; a face whose mean error is above 10% is a **failure**. Time is for one face. Sort
and filter by the three dots in the head of a column."""
NO_ENTRY = """Nobody has entered a result here yet. Whoever has the files of this benchmark enters the first with
`python -m fkd evaluate checkpoints/NAME --data DIR --benchmark {option}`."""
REPORTED = """### Reported elsewhere
Scores that others published for the hidden test set. They were not measured here and are of other faces than the
held-out tenth, so they are not ranked with entries."""
DEGRADED = """### Accuracy on degraded faces
The same test faces made worse step by step, from left (as they are) to right, and the error at each step."""
PAPER = Path("benchmarks", "paper.json")
PAPER_TEXT = """Mateus & Zeng's three models under their settings, {epochs} epochs on `{data}`, on a split without leaks
(`python benchmarks/paper.py --data {data} --epochs {epochs}`, {hardware}). Their validation faces were also in the
training set, slightly changed, so their figures say little about faces not seen before. Validation is on rows of the
kind trained on."""
PAPER_COLUMNS = {
    "model": "model",
    "trained on": "trained on",
    "published": "the paper's loss",
    "validation_rmse": "validation RMSE, px",
    "test_complete": "test RMSE, complete rows, px",
    "test_all": "test RMSE, all rows, px",
}
CSS = """
.gradio-container {max-width: min(1240px, 100vw) !important; margin: 0 auto !important}
.gradio-container .column, .gradio-container .row > *, .gradio-container .block {min-width: 0}
#points, .ranking {--font-mono: var(--font); font-variant-numeric: tabular-nums}
.caption p {opacity: 0.8; margin: 0}
footer {display: none !important}
"""
THEME = gr.themes.Default(
    primary_hue="emerald",
    font=["system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif"],
    font_mono=["ui-monospace", "Menlo", "Consolas", "monospace"],
)
COLUMN_WIDTHS = [f"{width}px" for width in (60, 120, 90, 140, 130, 90, 90, 130, 110, 80, 190, 100, 260)]


def build_app(checkpoints: Path = HOME / "checkpoints", leaderboard: Path = HOME / "leaderboard") -> gr.Blocks:
    """Builds the page for the checkpoint folders and the leaderboard under the given folders, unlaunched.

    Raises ValueError if there is no checkpoint, or one cannot be read.
    """
    folders = {path.parent.name: path.parent for path in sorted(checkpoints.glob("*/config.json"))}
    if not folders:
        raise ValueError(f"{checkpoints} holds no checkpoint: train one with `python -m fkd train`")
    models = {name: load_checkpoint(folder) for name, folder in folders.items()}
    with gr.Blocks(title="fkd: facial keypoint detectors", analytics_enabled=False, delete_cache=(600, 3000)) as page:
        gr.Markdown(TITLE)
        with gr.Tab("Compare", id="compare"):
            _compare_tab(models)
        with gr.Tab("Leaderboard", id="leaderboard"):
            _leaderboard_tab(leaderboard, folders)
    return page


def _compare_tab(models: dict[str, Checkpoint]) -> None:
    names = list(models)
    first = "fcnn" if "fcnn" in names else names[0]
    others = [name for name in names if name != first] or [first]
    second = min(others, key=lambda name: models[name].training["validation_rmse"])
    with gr.Row():
        with gr.Column(scale=3, min_width=300):
            photo = gr.Image(
                label="Your photo",
                sources=["upload", "webcam", "clipboard"],
                webcam_options=gr.WebcamOptions(mirror=False),
                type="filepath",
                height=340,
                elem_id="photo",
            )
            # Gradio would open the file first, and answer a bad one with a bare "Error".
            photo.preprocess = lambda payload: payload and payload.path
        with gr.Column(scale=2, min_width=280):
            left = gr.Dropdown(names, value=first, label="First model (red)", elem_id="first-model")
            right = gr.Dropdown(names, value=second, label="Second model (green)", elem_id="second-model")
            whole = gr.Checkbox(False, label="The whole photo is one face (skip finding faces)", elem_id="whole")
            gr.Examples(
                [[str(path)] for path in sorted((HOME / "examples").glob("*.*g"))], [photo], label="No photo at hand?"
            )
    status = gr.Markdown("Choose a photo to begin.", elem_id="status")
    with gr.Column(visible=False) as results:
        with gr.Row():
            drawn = [
                gr.Image(label=label, interactive=False, elem_id=which, min_width=width, buttons=VIEW)
                for label, which, width in (("Red", "first", 140), ("Green", "second", 140), ("Both", "both", 300))
            ]
        face = gr.Dropdown(label="Face", visible=False, type="index", elem_id="face")
        with gr.Row():
            with gr.Column(scale=1, min_width=280):
                gr.Markdown("Close up, both", elem_classes="caption")
                close = gr.Image(show_label=False, interactive=False, elem_id="close", buttons=VIEW)
                gr.Markdown(
                    "What each model saw: 96 x 96 grey, cropped by its own first answer", elem_classes="caption"
                )
                with gr.Row():
                    seen = [
                        gr.Image(
                            show_label=False, interactive=False, min_width=100, elem_id=f"seen-{which}", buttons=[]
                        )
                        for which in ("first", "second")
                    ]
            with gr.Column(scale=2, min_width=300):
                points = gr.Dataframe(
                    label="Points, in pixels of the photo (percent: of the distance between the eyes)",
                    interactive=False,
                    max_height=700,
                    elem_id="points",
                )
    answers = gr.State(([], []))

    compare = functools.partial(_compare, models)
    inputs, outputs = [photo, left, right, whole], [status, results, *drawn, answers, face]
    details = [points, close, *seen]
    for event in (photo.change, left.change, right.change, whole.change):
        event(compare, inputs, [*outputs, *details], trigger_mode="always_last", api_visibility="private")
    face.input(_details, [answers, face, photo], details, api_visibility="private")


def _compare(models: dict[str, Checkpoint], path: str | None, first: str, second: str, whole: bool):
    """Handler: (status, results, first overlay, second overlay, both, (faces, faces), face choice, details...)."""
    nothing = [gr.Column(visible=False), *[None] * 3, ([], []), gr.Dropdown(choices=[], value=None), *[None] * 4]
    if path is None:
        return ["Choose a photo to begin.", *nothing]
    try:
        photo = read_photo(path)
    except ValueError as error:
        return [f"**{error}**", *nothing]
    start = time.perf_counter()
    edges = (-0.5, -0.5, photo.width - 0.5, photo.height - 0.5)
    chosen = [models[name] for name in (first, second)]
    boxes = [FaceBox(edges, 0.0)] if whole else find_confirmed_faces(chosen, photo)
    if not boxes:
        return [NO_FACE, *nothing]
    finding = time.perf_counter()
    answers = tuple(predict(model, photo, boxes) for model in chosen)
    done = time.perf_counter()
    count = "1 face" if len(boxes) == 1 else f"{len(boxes)} faces"
    status = (
        f"**{count}**, found in {1000 * (finding - start):.0f} ms; both models answered in "
        f"{1000 * (done - finding):.0f} ms."
    )
    choices = [f"{number} of {len(boxes)}, from the largest" for number in range(1, len(boxes) + 1)]
    choice = gr.Dropdown(choices=choices, value=choices[0], visible=len(boxes) > 1)
    overlays = _overlays(photo, *answers)
    return [status, gr.Column(visible=True), *overlays, answers, choice, *_details(answers, 0, path)]


def _overlays(photo: Image.Image, first: Sequence[Face], second: Sequence[Face]) -> list[Image.Image]:
    """The photo with the first model's points, with the second's, and with both."""
    longest = max(photo.size)
    scale = min(max(longest, LEAST), MOST) / longest
    small = photo.resize([max(1, round(side * scale)) for side in photo.size]) if scale != 1 else photo

    def place(faces: Sequence[Face]) -> list[np.ndarray]:
        return [(face.points + 0.5) * scale - 0.5 for face in faces]

    red, green = draw_points(small, place(first), RED), draw_points(small, place(second), GREEN)
    return [red, green, draw_points(red, place(second), GREEN)]


def _details(answers: tuple[list[Face], list[Face]], chosen: int | None, path: str | None):
    """Handler: (table of points, close-up with both, first crop, second crop) of the chosen face."""
    if not answers[0] or path is None:
        return None, None, None, None
    one, two = (faces[chosen or 0] for faces in answers)
    distance = np.linalg.norm(one.points - two.points, axis=1).astype(float)
    ocular = np.mean([np.linalg.norm(f.points[LEFT_EYE] - f.points[RIGHT_EYE]) for f in (one, two)])
    points = pd.DataFrame(
        {
            "point": [name.replace("_", " ") for name in NAMES] + ["mean"],
            "red x": [*one.points[:, 0].astype(float), np.nan],
            "red y": [*one.points[:, 1].astype(float), np.nan],
            "green x": [*two.points[:, 0].astype(float), np.nan],
            "green y": [*two.points[:, 1].astype(float), np.nan],
            "apart, px": [*distance, distance.mean()],
            "apart, %": 100 * np.array([*distance, distance.mean()]) / ocular,
        }
    ).style.format(precision=1, na_rep="")
    crops = [Image.fromarray(face.seen).resize((288, 288)) for face in (one, two)]
    return points, _close_up(read_photo(path), one, two), *crops


def _close_up(photo: Image.Image, one: Face, two: Face) -> Image.Image:
    """The part of the photo around a face, enlarged, with the points of both models."""
    corners = np.array(one.box).reshape(2, 2)  # the box's two corners, px
    middle, half = corners.mean(0), 0.6 * (corners[1] - corners[0]).max()
    limit = np.array(photo.size)
    low = np.clip(np.floor(middle - half), 0, limit - 1).astype(int)
    high = np.clip(np.ceil(middle + half), low + 1, limit).astype(int)
    scale = LEAST / (high - low).max()
    part = photo.crop((*low.tolist(), *high.tolist())).resize([max(1, round(n * scale)) for n in high - low])
    for face, colour in ((one, RED), (two, GREEN)):
        part = draw_points(part, [(face.points - low + 0.5) * scale - 0.5], colour)
    return part


def _leaderboard_tab(root: Path, folders: dict[str, Path]) -> None:
    benchmarks = read_benchmarks(root)
    if not benchmarks:
        gr.Markdown("There are no results yet: `python -m fkd evaluate checkpoints/NAME --data DIR` makes the first.")
        return
    for benchmark in sorted(benchmarks, key=lambda one: not one.fingerprint):  # those with results first
        gr.Markdown(f"## {benchmark.name}\n{benchmark.description}.")
        entries = read_entries(root, benchmark)
        if entries:
            _results(benchmark, entries, folders)
        else:
            gr.Markdown(NO_ENTRY.format(option="kaggle" if benchmark.name == KAGGLE else benchmark.name))
        published = read_published(root, benchmark)
        if len(published):
            gr.Markdown(REPORTED)
            gr.Dataframe(
                _published(published),
                interactive=False,
                wrap=True,
                datatype=["str", "str", "str", "markdown"],
                column_widths=["90px", "210px", "170px", "150px"],
                elem_id=f"published-{benchmark.name}",
                elem_classes="ranking",
            )
    if (HOME / PAPER).exists():
        _paper(json.loads((HOME / PAPER).read_text()))


def _results(benchmark: Benchmark, entries: list[Evaluation], folders: dict[str, Path]) -> None:
    """The ranking of a benchmark and its plots."""
    ranking = table(benchmark, entries)
    gr.Markdown(
        f"{benchmark.faces:,} faces, {benchmark.values:,} labelled coordinates (fingerprint "
        f"`{benchmark.fingerprint}`).\n\n{WHAT_RANKS}"
    )
    gr.Dataframe(
        _ranking(ranking),
        interactive=False,
        wrap=True,
        column_widths=COLUMN_WIDTHS,
        show_search="filter",
        elem_id=f"ranking-{benchmark.name}",
        elem_classes="ranking",
    )
    names = sorted(ranking["model"], key=lambda name: (name != "fcnn", name))
    colours = {name: PALETTE[number % len(PALETTE)] for number, name in enumerate(names)}
    chosen = gr.Dropdown(names, value=names[:4], multiselect=True, label="Models in the plots")
    plots = functools.partial(_plots, ranking, {entry.name: entry for entry in entries}, folders, colours)
    errors, curves, *degraded = plots(names[:4])
    with gr.Row():
        with gr.Column(min_width=300):
            gr.Markdown("### Error of each keypoint")
            errors = gr.Plot(errors, show_label=False, elem_classes="errors")
        with gr.Column(min_width=300):
            gr.Markdown("### Training curves\nSolid: validation. Dotted: training, on augmented faces, so harder.")
            curves = gr.Plot(curves, show_label=False, elem_classes="curves")
    gr.Markdown(DEGRADED)
    with gr.Row():
        for number, kind in enumerate(STEPS):
            with gr.Column(min_width=270):
                gr.Markdown(f"#### {kind}")
                degraded[number] = gr.Plot(degraded[number], show_label=False, elem_classes="degraded")
    chosen.change(plots, chosen, [errors, curves, *degraded], api_visibility="private")


def _paper(paper: dict) -> None:
    """The paper's table beside what its settings gave here, and the curves. paper: of benchmarks/paper.py."""
    gr.Markdown(f"## The paper, reproduced\n{PAPER_TEXT.format(**paper)}")
    shown = pd.DataFrame(paper["table"]).rename(columns=PAPER_COLUMNS)[list(PAPER_COLUMNS.values())]
    gr.Dataframe(
        shown.style.format(precision=2, na_rep="-"),
        interactive=False,
        wrap=True,
        column_widths=["130px", "130px", "100px", "130px", "130px", "130px"],
        elem_id="paper",
        elem_classes="ranking",
    )
    colours = dict(zip(paper["curves"], (RED, GREEN, PALETTE[2]), strict=True))
    curves = {name: pd.DataFrame(rows) for name, rows in paper["curves"].items()}
    gr.Plot(training_curves(curves, colours), show_label=False)


def _plots(
    ranking: pd.DataFrame,
    entries: dict[str, Evaluation],
    folders: dict[str, Path],
    colours: dict[str, str],
    chosen: list[str],
):
    """Handler: (error by keypoint, training curves, one figure for each kind of degradation) of the chosen models."""
    histories = {
        name: pd.read_csv(folders[name] / "history.csv")
        for name in chosen
        if name in folders and (folders[name] / "history.csv").exists()
    }
    degraded = [
        robustness_curves({name: entries[name].robustness[kind] for name in chosen}, kind, colours) for kind in STEPS
    ]
    errors = keypoint_errors(ranking[ranking["model"].isin(chosen)], colours)
    return [errors, training_curves(histories, colours), *degraded]


def _ranking(ranking: pd.DataFrame) -> Styler:
    """The columns of a ranking that the page shows, as it names and rounds them."""
    shown = pd.DataFrame(
        {
            "rank": [str(rank) if pd.notna(rank) else "-" for rank in ranking["rank"]],
            "model": ranking["model"],
            "RMSE, px": ranking["rmse"],
            "95% interval": [
                f"{a:.3f} to {b:.3f}" for a, b in zip(ranking["rmse_low"], ranking["rmse_high"], strict=True)
            ],
            "answer": [
                ("one model" if members == 1 else f"mean of {members} models") + (", mirrored too" if mirror else "")
                for members, mirror in zip(ranking["members"], ranking["mirror"], strict=True)
            ],
            "mean error, %": ranking["nme"],
            "failures, %": ranking["failure_rate"],
            "parameters, M": ranking["parameters"] / 1e6,
            "multiply-adds, M": ranking["macs"] / 1e6,
            "time, ms": ranking["latency_ms"],
            "measured on": ranking["hardware"],
            "trained on": ranking["trained_on"],
            "why unranked": ranking["unranked"],
        }
    )
    return shown.style.format(precision=2, na_rep="-").format("{:.3f}", subset=["RMSE, px"])


def _published(published: pd.DataFrame) -> pd.DataFrame:
    """What others report, as the page names it; each source is a link."""
    return pd.DataFrame(
        {
            "RMSE, px": published["rmse"].astype(str),
            "what": published["what"],
            "on": published["measured_on"],
            "source": [f"[{urlsplit(url).netloc}]({url})" for url in published["source"]],
        }
    )


if __name__ == "__main__":
    try:
        app = build_app()
    except (ValueError, OSError) as error:
        sys.exit(f"fkd: {error}")
    app.launch(theme=THEME, css=CSS, ssr_mode=False, inbrowser="--open" in sys.argv, footer_links=[])
