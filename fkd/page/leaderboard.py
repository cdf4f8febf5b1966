"""The tab of rankings, and the plots of what is in them."""

import functools
import json
from pathlib import Path
from urllib.parse import urlsplit

import gradio as gr
import pandas as pd
from pandas.io.formats.style import Styler

from fkd.draw import GREEN, RED
from fkd.evaluate import Evaluation
from fkd.leaderboard import KAGGLE, Benchmark, read_benchmarks, read_entries, read_published, read_synced, table
from fkd.plots import keypoint_errors, robustness_curves, training_curves
from fkd.robustness import STEPS
from fkd.sync import sync

PALETTE = (RED, GREEN, "#3b82f6", "#f59e0b", "#a855f7", "#06b6d4", "#ec4899", "#84cc16")
WHAT_RANKS = """Ranked by **RMSE** in pixels of the 96 x 96 frame, over all labelled coordinates of held-out faces
(lower is better), with its 95% interval from a bootstrap by face. **Mean error** is in percent of the distance between
the eye centres; a face whose mean error is above 10% is a **failure**. Time is for one face. **Verified** means
measured here; what a model on the Hub claims of itself stands below those, without a rank. Sort and filter by the three
dots in the head of a column."""
NO_ENTRY = """Nobody has entered a result here yet. Whoever has the files of this benchmark enters the first with
`python -m fkd evaluate checkpoints/NAME --data DIR --benchmark {option}`."""
REPORTED = """### Reported elsewhere
Scores that others published for the hidden test set. They were not measured here and are of other faces than the
held-out tenth, so they are not ranked with entries."""
DEGRADED = """### Accuracy on degraded faces
The same test faces made worse step by step, from left (as they are) to right, and the error at each step."""
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
COLUMN_WIDTHS = [f"{width}px" for width in (60, 120, 90, 140, 90, 130, 90, 90, 130, 110, 80, 190, 100, 260)]


def leaderboard_tab(root: Path, folders: dict[str, Path], paper: Path) -> None:
    """Builds the tab.

    root: of the entries. folders: of the checkpoints, by name. paper: what benchmarks/paper.py wrote, if it ran.
    """
    benchmarks = read_benchmarks(root)
    if not benchmarks:
        gr.Markdown("There are no results yet: `python -m fkd evaluate checkpoints/NAME --data DIR` makes the first.")
        return
    with gr.Row():
        from_hub = gr.Markdown(functools.partial(_from_hub, root), elem_id="from-hub")
        again = gr.Button("Read the Hub again", size="sm", min_width=160, scale=0, elem_id="sync")
    rankings = {}
    for benchmark in sorted(benchmarks, key=lambda one: not one.fingerprint):  # those with results first
        gr.Markdown(f"## {benchmark.name}\n{benchmark.description}.")
        if read_entries(root, benchmark):
            rankings[benchmark.name] = _results(root, benchmark, folders)
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
    again.click(
        functools.partial(_read_again, root, [one for one in benchmarks if one.name in rankings]),
        outputs=[from_hub, *rankings.values()],
        api_visibility="private",
    )
    if paper.exists():
        _paper(json.loads(paper.read_text()))


def _from_hub(root: Path) -> str:
    """What is known of the Hub's models, and since when."""
    synced = read_synced(root)
    refused = sum(bool(claim.refused) for claim in synced.claims)
    text = f"Models on the Hub, read {synced.date}: {len(synced.claims) - refused:,} claims, {refused:,} refused."
    if not synced.date:
        text = "Models on the Hub have not been read yet."
    return f"{text} The last reading failed ({synced.failure})." if synced.failure else text


def _read_again(root: Path, benchmarks: list[Benchmark]):
    """Handler: (what is known of the Hub, each ranking) after another look at the Hub."""
    try:
        sync(root)
    except ValueError:
        pass  # it is kept with the claims, and shown with them
    return [_from_hub(root), *(_ranking_now(root, benchmark) for benchmark in benchmarks)]


def _ranking_now(root: Path, benchmark: Benchmark) -> Styler:
    return _ranking(table(benchmark, read_entries(root, benchmark), read_synced(root).claims))


def _results(root: Path, benchmark: Benchmark, folders: dict[str, Path]) -> gr.Dataframe:
    """The ranking of a benchmark, which is returned, and its plots."""
    entries = read_entries(root, benchmark)
    ranking = table(benchmark, entries)
    gr.Markdown(
        f"{benchmark.faces:,} faces, {benchmark.values:,} labelled coordinates (fingerprint "
        f"`{benchmark.fingerprint}`).\n\n{WHAT_RANKS}"
    )
    shown = gr.Dataframe(
        functools.partial(_ranking_now, root, benchmark),
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
    return shown


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
                "" if pd.isna(a) else f"{a:.3f} to {b:.3f}"
                for a, b in zip(ranking["rmse_low"], ranking["rmse_high"], strict=True)
            ],
            "status": ranking["status"],
            "answer": [
                ""
                if pd.isna(members)
                else ("one model" if members == 1 else f"mean of {members:.0f} models")
                + (", mirrored too" if mirror else "")
                for members, mirror in zip(ranking["members"], ranking["mirror"], strict=True)
            ],
            "mean error, %": ranking["nme"],
            "failures, %": ranking["failure_rate"],
            "parameters, M": ranking["parameters"] / 1e6,
            "multiply-adds, M": ranking["macs"] / 1e6,
            "time, ms": ranking["latency_ms"],
            "measured on": ranking["hardware"].fillna(""),
            "trained on": ranking["trained_on"].fillna(""),
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
