"""fkd leaderboard: the rankings."""

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import pandas as pd
import typer

from fkd.board.entries import (
    SYNCED,
    find_benchmark,
    problems,
    read_benchmarks,
    read_entries,
    read_published,
    read_synced,
)
from fkd.board.ranking import RankingRow, ranking
from fkd.cli.options import CHECKPOINTS, LEADERBOARD, Checkpoints, Root
from fkd.errors import FkdError
from fkd.hub.available import checkpoint_paths, paths_in, weights_there
from fkd.hub.claims import sync
from fkd.hub.repository import pull
from fkd.metrics import METRICS, RMSE

app = typer.Typer()
board = typer.Typer(help="Print the rankings; check them; sync them with the Hub.", invoke_without_command=True)
app.add_typer(board, name="leaderboard")


@board.callback()
def show_command(context: typer.Context, root: Root = LEADERBOARD, checkpoints: Checkpoints = CHECKPOINTS) -> None:
    """Print the ranking of every benchmark."""
    if context.invoked_subcommand:
        return
    synced, paths, benchmarks = read_synced(root), _paths(checkpoints), read_benchmarks(root)
    unread = dict.fromkeys([*problems(root), *filter(None, [synced.failure])])
    if not benchmarks and not unread:
        remedy = "run this in a clone of fkd, or give its folder of entries by --leaderboard"
        raise FkdError(f"{root.resolve()} holds no benchmark: {remedy}")
    for benchmark in benchmarks:
        entries = read_entries(root, benchmark)
        rows = ranking(benchmark, entries, weights_there(paths, entries.measured), synced.claims)
        typer.echo(
            f"{benchmark.name}: {benchmark.description}; {benchmark.faces} faces, {benchmark.values} coordinates"
        )
        typer.echo(_as_text(rows) if rows else "no entry yet")
        if published := read_published(root, benchmark):
            typer.echo("reported elsewhere on Kaggle's hidden test set, not measured here:")
            for score in published:
                typer.echo(f"  {score.text}: {score.what} ({score.source})")
    if synced.date:
        typer.echo(f"claims of Hub models, as of {synced.date}")
    for problem in unread:
        typer.echo(f"not read: {problem}", err=True)


@board.command("check")
def check_command(
    data: Annotated[Path, typer.Option(help="The benchmark's data, as for `evaluate`.")],
    benchmark: Annotated[str, typer.Option(help="The ranking; the data folder's name, if not given.")] = "",
    checkpoints: Checkpoints = CHECKPOINTS,
    root: Root = LEADERBOARD,
) -> None:
    """Measure every entry again, and list the entries with other figures; exit status 1 if any has.

    Submitted predictions are listed separately: they cannot be measured again.
    """
    from fkd.board.measuring import data_name, measure_again  # noqa: PLC0415 - needs torch, and the ranking does not

    entries = read_entries(root, find_benchmark(root, benchmark or data_name(data)))
    for entry in entries.measured:
        if entry.revision and "/" in entry.name:
            try:
                pull(entry.name, entry.revision)
            except FkdError as error:
                typer.echo(f"{entry.name}: {error}", err=True)
    folders = weights_there(_paths(checkpoints), entries.measured)
    wrong = False
    measured = [entry for entry in entries.measured if not entry.submitted]
    for entry in entries.measured:
        if entry.submitted:
            typer.echo(f"{entry.name}: submitted, so it cannot be measured again")
    for name, why in itertools.chain(entries.unreadable.items(), measure_again(measured, folders, data)):
        typer.echo(f"{name}: {why or 'reproduced'}")
        wrong = wrong or bool(why)
    if wrong:
        raise typer.Exit(1)


@board.command("sync")
def sync_command(root: Root = LEADERBOARD) -> None:
    """Read the claims of Hub models, and store them with the entries."""
    claims = sync(root).claims
    refused = [claim for claim in claims if claim.refused]
    typer.echo(f"{len(claims) - len(refused)} claims, {len(refused)} refused; {root / SYNCED}")
    for claim in refused:
        typer.echo(f"refused {claim.repo}: {claim.refused}")


def _paths(checkpoints: Path) -> list[Path]:
    """Return the checkpoints in a folder; a broken pinned.json hides none of them."""
    try:
        return checkpoint_paths(checkpoints)
    except (FkdError, OSError) as error:
        typer.echo(f"not read: {error}", err=True)
        return paths_in(checkpoints)


def _as_text(rows: Sequence[RankingRow]) -> str:
    """A ranking as a table, with the figures as their metrics show them."""
    return pd.DataFrame([_cells(row) for row in rows]).to_string(index=False)


def _cells(row: RankingRow) -> dict[str, str]:
    """What is printed of a row, by column."""
    accuracy, cost = (row.entry.accuracy, row.entry.cost) if row.entry else (None, None)
    return {
        "rank": "-" if row.rank is None else str(row.rank),
        "status": row.status,
        "model": row.name,
        **{metric.label: metric.shown(row.figures.get(metric.key)) for metric in METRICS},
        f"aligned {RMSE.label}": RMSE.shown(row.aligned.get(RMSE.key)),
        "95% interval": f"{accuracy.rmse_low:.3f} to {accuracy.rmse_high:.3f}" if accuracy else "-",
        "parameters": "-" if row.parameters is None else str(row.parameters),
        "time": f"{cost.latency_ms:.3f} ms" if cost else "-",
        "trained on": row.entry.data.name if row.entry else "",
        "overlap": row.overlap,
        "why unranked": row.unranked,
    }
