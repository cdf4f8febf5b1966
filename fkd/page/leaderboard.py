"""The tab of rankings: one benchmark at a time, filtered, with plots, downloads and a lasting address."""

import functools
import json
from pathlib import Path
from urllib.parse import quote, urlencode, urlsplit

import gradio as gr
import pandas as pd
from pandas.io.formats.style import Styler

from fkd.board.entries import Benchmark, problems, read_benchmarks, read_entries, read_published, read_synced
from fkd.board.ranking import table
from fkd.hub.available import known_checkpoints
from fkd.hub.claims import sync
from fkd.page.address import remember
from fkd.page.figures import COUNT, figures, paper_section, plot_places, plotted_first
from fkd.page.uploads import new_folder
from fkd.page.words import CITATION, METRICS, NO_ENTRY, QUESTIONS, REPORTED, WHAT_RANKS

MOST_ROWS = 100  # of a ranking on the page: a browser takes seconds to draw thousands
STATUSES = ["verified", "not verified", "unreadable", "claimed", "refused"]
SIZES = {"any size": (0, 1e12), "below 5 M": (0, 5e6), "5 to 20 M": (5e6, 2e7), "above 20 M": (2e7, 1e12)}
WIDTHS = {
    "rank": 60,
    "model": 130,
    "RMSE, px": 90,
    "95% interval": 140,
    "card": 70,
    "why unranked": 300,
    "measured on": 190,
}
COLUMNS = ["rank", "model", "RMSE, px", "95% interval", "status", "answer", "card", "network", "mean error, %"]
COLUMNS += ["failures, %", "parameters, M", "multiply-adds, M", "time, ms", "measured on", "trained on", "date"]
COLUMNS += ["why unranked"]
COPY_LINK = "() => navigator.clipboard.writeText(window.location.href)"


def leaderboard_tab(
    root: Path, folders: dict[str, Path], paper: Path, page: gr.Blocks, tabs: gr.Tabs, tab: gr.Tab
) -> None:
    """Builds the tab, inside `tab` of `tabs` of `page`.

    root: of the entries. folders: of the checkpoints, by name. paper: what benchmarks/paper.py wrote, if it ran.
    """
    benchmarks = {one.name: one for one in sorted(read_benchmarks(root), key=lambda one: not one.fingerprint)}
    if not benchmarks:
        gr.Markdown("There are no results yet: `python -m fkd evaluate checkpoints/NAME --data DIR` makes the first.")
        gr.Markdown(_problems(root))
        return
    benchmark = gr.Dropdown(list(benchmarks), value=next(iter(benchmarks)), label="Benchmark", elem_id="benchmark")
    about = gr.Markdown(elem_id="about-benchmark")
    with gr.Accordion("Filters and columns", open=False, elem_id="filters"):
        with gr.Row():
            status = gr.CheckboxGroup(STATUSES, value=STATUSES[:4], label="Status", elem_id="status-filter")
            family = gr.Dropdown(["all", "fcnn", "resnet"], value="all", label="Family", elem_id="family")
            size = gr.Dropdown(list(SIZES), value="any size", label="Parameters", elem_id="size")
        columns = gr.Dropdown(COLUMNS[2:], multiselect=True, label="Columns (none chosen: all)", elem_id="columns")
    ranking = gr.Dataframe(
        interactive=False, wrap=True, show_search="search", pinned_columns=2, elem_id="ranking", elem_classes="ranking",
        max_height=600,
    )  # fmt: skip
    with gr.Row():
        csv = gr.DownloadButton("Table as CSV", size="sm", min_width=120, elem_id="ranking-csv")
        as_json = gr.DownloadButton("Entries as JSON", size="sm", min_width=120, elem_id="ranking-json")
        link = gr.Button("Copy link to this view", size="sm", min_width=120, elem_id="copy-link")
        again = gr.Button("Read the Hub again", size="sm", min_width=120, elem_id="sync")
    from_hub = gr.Markdown(elem_id="from-hub")
    page.load(functools.partial(_from_hub, root), None, from_hub, api_visibility="private")
    broken = gr.Markdown(elem_id="problems")
    page.load(functools.partial(_problems, root), None, broken, api_visibility="private")
    with gr.Accordion("What the columns mean", open=False):
        gr.Markdown(METRICS)
    with gr.Accordion("Questions: why is a model missing, or without a rank?", open=False, elem_id="questions"):
        gr.Markdown(QUESTIONS)
    with gr.Accordion("Cite this", open=False):
        gr.Code(CITATION, language=None, label="BibTeX", show_label=False, elem_id="citation")
    with gr.Column(visible=False) as elsewhere:
        gr.Markdown(REPORTED)
        published = gr.Dataframe(
            interactive=False, wrap=True, datatype=["str", "str", "str", "markdown"],
            column_widths=["90px", "210px", "170px", "150px"], elem_id="published", elem_classes="ranking",
        )  # fmt: skip
    with gr.Column() as below:
        models = gr.Dropdown([], multiselect=True, label="Models in the plots", elem_id="plotted")
        plots = plot_places()

    filters = [benchmark, status, family, size, columns]
    shown = [about, ranking, csv, as_json, elsewhere, published, below, models]
    show = functools.partial(_show, root, benchmarks, folders)
    draw = functools.partial(_draw, root, benchmarks, folders)
    for change in (benchmark.change, status.change, family.change, size.change, columns.change):
        change(show, [*filters, models], shown, api_visibility="private")
    gr.on(
        [tab.select, models.input, benchmark.input],
        None,
        [benchmark, models],
        js=remember("leaderboard", "benchmark", "model"),
    )

    def open_view(request: gr.Request):  # Gradio gives the request to a function that asks for it, not to a partial
        return _open(root, benchmarks, request)

    page.load(open_view, None, [tabs, benchmark, models], api_visibility="private").then(
        show, [*filters, models], shown, api_visibility="private"
    )
    # Figures take a second to make and to draw, so they wait until somebody looks at this tab.
    seen = gr.State(False)
    models.change(draw, [benchmark, models, seen], plots, api_visibility="private")
    tab.select(lambda: True, None, seen, api_visibility="private").then(
        draw, [benchmark, models, seen], plots, api_visibility="private"
    )
    link.click(None, js=COPY_LINK)
    again.click(functools.partial(_read_again, root), outputs=from_hub, api_visibility="private").then(
        show, [*filters, models], shown, api_visibility="private"
    )
    if paper.exists():
        paper_section(json.loads(paper.read_text()))


def _open(root: Path, benchmarks: dict[str, Benchmark], request: gr.Request):
    """Handler: (tabs, benchmark, models to plot) as the address asks: ?tab=leaderboard&benchmark=NAME&model=A,B."""
    asked = request.query_params
    name = asked.get("benchmark", "")
    name = name if name in benchmarks else next(iter(benchmarks))
    entries = read_entries(root, benchmarks[name]).measured
    measured = [entry.name for entry in entries]
    wanted = [model for model in asked.get("model", "").split(",") if model in measured]
    selected = {"selected": asked["tab"]} if asked.get("tab") in ("leaderboard", "model") else {}
    return gr.Tabs(**selected), name, gr.Dropdown(choices=measured, value=wanted or plotted_first(entries))


def _show(
    root: Path,
    benchmarks: dict[str, Benchmark],
    folders: dict[str, Path],
    name: str,
    statuses: list[str],
    family: str,
    size: str,
    columns: list[str],
    models: list[str],
):
    """Handler: (about, ranking, csv, json, reported elsewhere, its table, plots, models to plot) of a benchmark."""
    benchmark = benchmarks.get(name) or next(iter(benchmarks.values()))
    found = read_entries(root, benchmark)
    entries = found.measured
    rows = table(benchmark, found, known_checkpoints(folders.values(), entries), read_synced(root).claims)
    about = f"{benchmark.description}. "
    if len(rows):
        least, most = SIZES[size]
        unknown = rows["parameters"].isna()
        kept = rows["status"].isin(statuses) & (rows["parameters"].between(least, most) | unknown)
        if family != "all":
            kept &= rows["network"].str.startswith(family) | (
                (family == "resnet") & (rows["network"] != "") & ~rows["network"].str.startswith("fcnn")
            )
        rows = rows[kept]
        about += (
            f"{benchmark.faces:,} faces, {benchmark.values:,} labelled coordinates (fingerprint "
            f"`{benchmark.fingerprint}`).\n\n{WHAT_RANKS}"
        )
    else:
        about += "\n\n" + NO_ENTRY.format(name=benchmark.name)
    if len(rows) > MOST_ROWS:
        about += f" The first {MOST_ROWS} of {len(rows):,} rows are shown; the CSV has them all."
    shown = _shown(rows.head(MOST_ROWS), folders)
    chosen = ["rank", "model", *(column for column in columns if column not in ("rank", "model"))]
    shown = shown[chosen] if columns and len(rows) else shown
    measured = [entry.name for entry in entries]
    plotted = [model for model in models if model in measured] or plotted_first(entries)
    published = read_published(root, benchmark)
    return [
        about,
        gr.Dataframe(
            _styled(shown),
            visible=bool(entries or found.unreadable),
            datatype=["markdown" if column == "card" else "str" for column in shown],
            column_widths=[WIDTHS.get(column, 110) for column in shown],
        ),
        gr.DownloadButton(value=_file(f"{benchmark.name}.csv", rows.to_csv(index=False)), visible=bool(entries)),
        gr.DownloadButton(
            value=_file(f"{benchmark.name}.json", rows.to_json(orient="records", indent=2)), visible=bool(entries)
        ),
        gr.Column(visible=len(published) > 0),
        _published(published) if len(published) else None,
        gr.Column(visible=bool(entries)),
        gr.Dropdown(choices=measured, value=plotted),
    ]


def _draw(
    root: Path, benchmarks: dict[str, Benchmark], folders: dict[str, Path], name: str, models: list[str], seen: bool
) -> list:
    """Handler: the figures of the chosen models, once the tab has been seen."""
    if not seen:
        return [gr.skip()] * COUNT
    benchmark = benchmarks.get(name) or next(iter(benchmarks.values()))
    return figures(benchmark, read_entries(root, benchmark).measured, folders, models)


def _problems(root: Path) -> str:
    """What cannot be read of the leaderboard's files, as Markdown that shows their words as they are."""
    return "\n".join(f"- `{problem.replace('`', '')}`" for problem in problems(root))


def _from_hub(root: Path) -> str:
    """What is known of the Hub's models, and since when."""
    synced = read_synced(root)
    refused = sum(bool(claim.refused) for claim in synced.claims)
    text = f"Models on the Hub, read {synced.date}: {len(synced.claims) - refused:,} claims, {refused:,} refused."
    if not synced.date:
        text = "Models on the Hub have not been read yet."
    return f"{text} The last reading failed; the next is within the hour." if synced.failure else text


def _read_again(root: Path) -> str:
    """Handler: what is known of the Hub after another look at it."""
    try:
        sync(root)
    except ValueError:
        pass  # it is kept with the claims, and shown with them
    return _from_hub(root)


def _shown(ranking: pd.DataFrame, folders: dict[str, Path]) -> pd.DataFrame:
    """The columns of a ranking that the page shows, as it names them. folders: of the page's models, by name."""
    if not len(ranking):
        return pd.DataFrame(columns=COLUMNS[:2])
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
                _answer(*each) for each in zip(ranking["members"], ranking["mirror"], ranking["status"], strict=True)
            ],
            "card": [_card(*each, folders) for each in zip(ranking["model"], ranking["members"], strict=True)],
            "network": ranking["network"],
            "mean error, %": ranking["nme"],
            "failures, %": ranking["failure_rate"],
            "parameters, M": ranking["parameters"] / 1e6,
            "multiply-adds, M": ranking["macs"] / 1e6,
            "time, ms": ranking["latency_ms"],
            "measured on": ranking["hardware"],
            "trained on": ranking["trained_on"],
            "date": ranking["date"],
            "why unranked": ranking["unranked"],
        }
    )
    assert list(shown) == COLUMNS
    return shown


def _card(name: str, members: float, folders: dict[str, Path]) -> str:
    """A link to what is said of a model: on this page, or on the Hub."""
    model = name.removesuffix("-mirror")
    if model in folders and not members > 1:
        return f"[card](?{urlencode({'tab': 'model', 'model': model})})"
    return f"[card](https://huggingface.co/{quote(name)})" if "/" in name else ""


def _answer(members: float, mirror: bool, status: str) -> str:
    if status not in ("verified", "not verified"):
        return ""
    what = "one model" if members == 1 else f"mean of {members:.0f} models"
    return f"{what}, averaged over the flip" if mirror else what


def _styled(shown: pd.DataFrame) -> Styler:
    precise = [column for column in shown if column == "RMSE, px"]
    return shown.style.format(precision=2, na_rep="-").format("{:.3f}", na_rep="-", subset=precise)


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


def _file(name: str, text: str) -> str:
    """A file for a download, in a folder of its own, so that it has its name."""
    path = new_folder() / name
    path.write_text(text)
    return str(path)
