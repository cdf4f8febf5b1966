"""fkd leaderboard: the rankings."""

import itertools
from pathlib import Path
from typing import Annotated

import pandas as pd
import typer

from fkd.board.entries import SYNCED, problems, read_benchmarks, read_entries, read_published, read_synced
from fkd.board.measuring import data_name, measure_again
from fkd.board.ranking import table
from fkd.cli.options import CHECKPOINTS, LEADERBOARD, Checkpoints, Private, Root
from fkd.hub.available import checkpoint_folders, known_checkpoints, weights_there
from fkd.hub.claims import sync
from fkd.hub.dataset import hub_leaderboard, publish_benchmark
from fkd.hub.repository import pull
from fkd.learn.checkpoint import CONFIG

app = typer.Typer()
board = typer.Typer(help="The rankings: print them; sync with the Hub; publish there.", invoke_without_command=True)
app.add_typer(board, name="leaderboard")
SHOWN = ["rank", "status", "model", "rmse", "rmse_low", "rmse_high", "nme", "parameters", "latency_ms", "unranked"]


@board.callback()
def show_command(context: typer.Context, root: Root = LEADERBOARD, checkpoints: Checkpoints = CHECKPOINTS) -> None:
    """Print the ranking of every benchmark."""
    if context.invoked_subcommand:
        return
    synced, folders = read_synced(root), _folders(checkpoints)
    for benchmark in read_benchmarks(root):
        entries = read_entries(root, benchmark)
        known = known_checkpoints(folders, entries.measured)
        ranking = table(benchmark, entries, known, synced.claims)
        typer.echo(
            f"{benchmark.name}: {benchmark.description}; {benchmark.faces} faces, {benchmark.values} coordinates"
        )
        typer.echo(_text(ranking.reindex(columns=SHOWN)) if len(ranking) else "no entry yet")
        published = read_published(root, benchmark)
        if len(published):
            typer.echo(f"reported elsewhere, not measured here:\n{_text(published)}")
    if synced.date:
        typer.echo(f"claims of the Hub's models: as of {synced.date}")
    for problem in dict.fromkeys([*problems(root), *filter(None, [synced.failure])]):
        typer.echo(f"not read: {problem}", err=True)


@board.command("check")
def check_command(
    data: Annotated[Path, typer.Option(help="The benchmark's data, as for `evaluate`.")],
    benchmark: Annotated[str, typer.Option(help="The ranking; the data folder's name, if not given.")] = "",
    checkpoints: Checkpoints = CHECKPOINTS,
    root: Root = LEADERBOARD,
) -> None:
    """Measure every entry again, and list those that do not come out; exit status 1 if there is one."""
    name = benchmark or data_name(data)
    found = [one for one in read_benchmarks(root) if one.name == name]
    if not found:
        raise ValueError(f"{root} has no benchmark {name}: --benchmark or --data names another")
    entries = read_entries(root, found[0])
    for entry in entries.measured:
        if entry.revision and "/" in entry.name:
            try:
                pull(entry.name, entry.revision)
            except ValueError as error:
                typer.echo(f"{entry.name}: {error}", err=True)
    folders = weights_there(_folders(checkpoints), entries.measured)
    wrong = False
    for entry, why in itertools.chain(entries.unreadable.items(), measure_again(entries.measured, folders, data)):
        typer.echo(f"{entry}: {why or 'comes out'}")
        wrong = wrong or bool(why)
    if wrong:
        raise typer.Exit(1)


@board.command("sync")
def sync_command(root: Root = LEADERBOARD) -> None:
    """Read what models on the Hub claim, and keep it beside the entries."""
    claims = sync(root).claims
    refused = [claim for claim in claims if claim.refused]
    typer.echo(f"{len(claims) - len(refused)} claims, {len(refused)} refused; {root / SYNCED}")
    for claim in refused:
        typer.echo(f"refused {claim.repo}: {claim.refused}")


@board.command("publish")
def publish_command(
    repo: Annotated[str, typer.Argument(help="user/name of a dataset repository.")],
    benchmark: Annotated[str, typer.Option(help="Which ranking; the only one with entries, if not given.")] = "",
    private: Private = False,
    root: Root = LEADERBOARD,
) -> None:
    """Publish a benchmark and its entries as a dataset repository, in the Hub's benchmark format."""
    found = [one for one in read_benchmarks(root) if one.fingerprint and benchmark in ("", one.name)]
    if len(found) != 1:
        raise ValueError(f"{root} has {len(found)} such rankings with entries: name one by --benchmark")
    typer.echo(publish_benchmark(root, found[0], repo, private))
    rows = hub_leaderboard(repo)
    typer.echo(f"the Hub's own leaderboard of it lists {len(rows)} results")
    for row in rows:
        typer.echo(f"{row.rank:4} {row.model_id} {row.value}")


def _folders(checkpoints: Path) -> list[Path]:
    """The folders of checkpoints that are there; what is pinned wrongly hides none of them."""
    try:
        return checkpoint_folders(checkpoints)
    except (ValueError, OSError) as error:
        typer.echo(f"not read: {error}", err=True)
        return sorted(path.parent for path in checkpoints.glob(f"*/{CONFIG}"))


def _text(table: pd.DataFrame) -> str:
    return table.to_string(index=False, float_format="{:.3f}".format, na_rep="-")
