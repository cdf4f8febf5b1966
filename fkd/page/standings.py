"""The values of the leaderboard tab's components, for a benchmark and a visitor's choices."""

import dataclasses
import threading
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fkd.board.entries import KAGGLE, Benchmark, Entries, problems, read_entries, read_published, read_synced
from fkd.board.ranking import RankingRow, ranking
from fkd.hub.repository import weights_there
from fkd.learn.record import weights_in
from fkd.page.figures import entry_colours, plotted_first
from fkd.page.ranking_table import MOST_ROWS, Choice, is_single, published, table
from fkd.page.words import NO_ENTRY, NO_KAGGLE_ENTRY, WHAT_RANKS

_KEPT: dict[tuple[Path, str, bool], tuple[tuple[Entries, object, object], list[RankingRow]]] = {}
_RANKING = threading.Lock()


@dataclass(frozen=True)
class Board:
    """A folder of entries, its benchmarks by name, and the folders of the page's models by name."""

    root: Path
    benchmarks: dict[str, Benchmark]
    folders: dict[str, Path]

    def benchmark(self, name: str) -> Benchmark:
        """The benchmark of that name; the first for any other name."""
        return self.benchmarks.get(str(name)) or next(iter(self.benchmarks.values()))

    def rows(self, choice: Choice) -> list[RankingRow]:
        """Return the rows chosen by the visitor, ranked among single models or among all entries."""
        benchmark = self.benchmark(choice.benchmark)
        return [
            row for row in ranked(self.root, benchmark, self.folders.values(), choice.averaged) if choice.keeps(row)
        ]


def ranked(root: Path, benchmark: Benchmark, folders: Collection[Path], averaged: bool = True) -> Sequence[RankingRow]:
    """Return the ranking of all entries, or of single models; cached until an entry, claim or checkpoint changes.

    folders: of the page's checkpoints.
    """
    with _RANKING:
        entries, synced = read_entries(root, benchmark), read_synced(root)
        weights = weights_there(folders, entries.measured)
        made_of, rows = _KEPT.get((root, benchmark.name, averaged), (None, []))
        if made_of == (entries, synced, (benchmark, weights)):
            return rows
        measured = [entry for entry in entries.measured if averaged or is_single(entry)]
        rows = ranking(benchmark, Entries(measured, entries.unreadable), weights, synced.claims)
        _KEPT[root, benchmark.name, averaged] = (entries, synced, (benchmark, weights)), rows
        return rows


@dataclass(frozen=True)
class View:
    """A benchmark on the page: its text, the values of the ranking and the published scores, the models to plot."""

    about: str
    ranking: dict[str, Any]
    published: dict[str, Any]
    measured: list[str]
    plotted: list[str]
    replots: bool  # whether the models in the figures are others than before


def view(board: Board, choice: Choice) -> View:
    """Return a benchmark as the visitor chose to see it."""
    benchmark = board.benchmark(choice.benchmark)
    entries = read_entries(board.root, benchmark)
    rows = board.rows(choice)
    measured = [entry.name for entry in entries.measured]
    kaggle = board.benchmarks.get(KAGGLE)
    scores = read_published(board.root, benchmark)
    whose = benchmark.name
    if not scores and kaggle:
        scores, whose = read_published(board.root, kaggle), KAGGLE
    value = table(rows, choice, _names(board.folders), entry_colours(entries.measured))
    value |= {
        "any": bool(entries.measured or entries.unreadable),
        "note": _note(benchmark, entries, len(rows), choice) if measured else "",
    }
    title = "Published Kaggle scores" if whose == KAGGLE else f"Published scores on {whose}"
    plotted = [model for model in choice.model if model in measured] or plotted_first(entries.measured)
    return View(
        about=_about(benchmark, entries, kaggle),
        ranking=value,
        published={"title": title, "published": published(scores)},
        measured=measured,
        plotted=plotted,
        replots=plotted != list(choice.model),
    )


def _about(benchmark: Benchmark, entries: Entries, kaggle: Benchmark | None) -> str:
    """Describe the benchmark, and why Kaggle's faces have no ranking, as Markdown."""
    fields = dataclasses.asdict(benchmark) | {"description": benchmark.description.rstrip(".")}
    if not (entries.measured or entries.unreadable):
        return NO_ENTRY.format(**fields)
    return WHAT_RANKS.format(**fields) + (f" {NO_KAGGLE_ENTRY}" if kaggle and not kaggle.fingerprint else "")


def _note(benchmark: Benchmark, entries: Entries, count: int, choice: Choice) -> str:
    """Return the note below a ranking of `count` rows."""
    averaged = sum(not is_single(entry) for entry in entries.measured)
    sentences = []
    if count > MOST_ROWS:
        sentences.append(f"The first {MOST_ROWS} of {count:,} rows are shown; the CSV has them all.")
    if averaged and not choice.averaged:
        sentences.append(
            f"Ranks are among single models; {averaged} more entries (ensembles, flip averaging) are hidden."
        )
    sentences.append(
        f"{benchmark.faces:,} faces, {benchmark.values:,} labelled coordinates, fingerprint {benchmark.fingerprint}."
    )
    return " ".join(sentences)


def _names(folders: dict[str, Path]) -> dict[str, str]:
    """Return the names of the page's models, by the sha256 of their weights."""
    names = {folder: name for name, folder in folders.items()}
    return {sha256: names[folder] for sha256, folder in weights_in(folders.values()).items()}


def problems_text(root: Path) -> str:
    """List the leaderboard's unreadable files with the reasons, as Markdown with literal text."""
    return "\n".join(f"- `{problem.replace('`', '')}`" for problem in problems(root))


def hub_text(root: Path) -> str:
    """Summarize the claims of Hub models, with the date of the last sync."""
    synced = read_synced(root)
    refused = sum(bool(claim.refused) for claim in synced.claims)
    text = f"Models on the Hub, read {synced.date}: {len(synced.claims) - refused:,} claims, {refused:,} refused."
    if not synced.date:
        text = "Models on the Hub have not been read yet."
    return f"{text} The last sync failed; it will be retried within the hour." if synced.failure else text
