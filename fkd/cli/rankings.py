"""fkd leaderboard: the rankings."""

import itertools
from typing import TYPE_CHECKING

import typer

from fkd.cli.options import CHECKPOINTS, LEADERBOARD, Benchmark, Checkpoints, Data, Device, Entries, Root
from fkd.errors import FkdError

if TYPE_CHECKING:
    from fkd.board.ranking import RankingRow

app = typer.Typer(help="Print the rankings; check them; sync them with the Hub.", invoke_without_command=True)


@app.callback()
def show_command(context: typer.Context, root: Root = LEADERBOARD, checkpoints: Checkpoints = CHECKPOINTS) -> None:
    """Print the ranking of every benchmark."""
    if context.invoked_subcommand:  # options before a command become its defaults
        context.default_map = {"check": {"root": root, "checkpoints": checkpoints}, "sync": {"root": root}}
        return
    import pandas as pd

    from fkd.board.entries import problems, read_benchmarks, read_entries, read_synced
    from fkd.board.ranking import ranking
    from fkd.hub.repository import weights_there

    synced, benchmarks = read_synced(root), read_benchmarks(root)
    unread = dict.fromkeys([*problems(root), *filter(None, [synced.failure])])
    if not benchmarks and not unread:
        remedy = "run this in a clone of fkd, or give its folder of entries by --leaderboard"
        raise FkdError(f"{root.resolve()} holds no benchmark: {remedy}")
    for benchmark in benchmarks:
        entries = read_entries(root, benchmark)
        rows = ranking(benchmark, entries, weights_there(checkpoints.glob("*"), entries.measured), synced.claims)
        typer.echo(
            f"{benchmark.name}: {benchmark.description}; {benchmark.faces} faces, {benchmark.values} coordinates"
        )
        typer.echo(pd.DataFrame(map(_cells, rows)).to_string(index=False) if rows else "no entry yet")
    if synced.date:
        typer.echo(f"claims of Hub models, as of {synced.date}")
    for problem in unread:
        typer.echo(f"not read: {problem}", err=True)


@app.command("check")
def check_command(
    data: Data,
    benchmark: Benchmark = "",
    checkpoints: Checkpoints = CHECKPOINTS,
    root: Root = LEADERBOARD,
    device: Device = "cpu",
) -> None:
    """Measure every entry again, and list the entries with other figures; exit status 1 if any has."""
    from fkd.board.entries import find_benchmark, read_entries
    from fkd.board.measuring import find_ranking, measure_again
    from fkd.hub.repository import pull, weights_there

    entries = read_entries(root, find_benchmark(root, find_ranking(benchmark, data, root)[0]))
    for entry in entries.measured:
        if entry.revision:
            try:
                pull(entry.name, entry.revision)
            except FkdError as error:
                typer.echo(f"{entry.name}: {error}", err=True)
    if device != "cpu":
        from fkd.learn.models import chosen_device

        device = chosen_device(device)
    folders = weights_there(checkpoints.glob("*"), entries.measured)
    is_wrong = False
    measured = measure_again(entries.measured, folders, data, device)
    for name, problem in itertools.chain(entries.unreadable.items(), measured):
        typer.echo(f"{name}: {problem or 'reproduced'}")
        is_wrong = is_wrong or bool(problem)
    if is_wrong:
        raise typer.Exit(1)


@app.command("sync")
def sync_command(root: Entries = LEADERBOARD) -> None:
    """Read the claims of Hub models, and store them with the entries."""
    from fkd.board.entries import SYNCED
    from fkd.hub.claims import sync

    claims = sync(root).claims
    refused = [claim for claim in claims if claim.refused]
    typer.echo(f"{len(claims) - len(refused)} claims, {len(refused)} refused; {root / SYNCED}")
    for claim in refused:
        typer.echo(f"refused {claim.repo}: {claim.refused}")


def _cells(row: "RankingRow") -> dict[str, str]:
    """Return the printed values of a row, by column."""
    from fkd.metrics import METRICS, RMSE

    accuracy, cost = (row.entry.accuracy, row.entry.cost) if row.entry else (None, None)
    return {
        "rank": str(row.rank or "-"),
        "status": row.status,
        "model": row.name,
        **{metric.label: metric.shown(row.figures.get(metric.key)) for metric in METRICS},
        f"aligned {RMSE.label}": RMSE.shown(row.aligned.get(RMSE.key)),
        "95% interval": f"{accuracy.rmse_low:.3f} to {accuracy.rmse_high:.3f}" if accuracy else "-",
        "parameters": str(row.parameters or "-"),
        "time": f"{cost.latency_ms:.3f} ms" if cost else "-",
        "trained on": row.entry.data.name if row.entry else "",
        "overlap": row.overlap,
        "why unranked": row.unranked,
    }
