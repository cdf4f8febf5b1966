"""fkd leaderboard: the rankings."""

import itertools

import typer

from fkd.cli.options import CHECKPOINTS, LEADERBOARD, Checkpoints, Data, Entries, Root
from fkd.errors import FkdError

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
    from fkd.metrics import METRICS

    columns = ["rank", "status", "model", *(metric.key for metric in METRICS), "aligned_rmse", "rmse_low", "rmse_high"]
    columns += ["parameters", "latency_ms", "trained_on", "unranked"]
    synced, benchmarks = read_synced(root), read_benchmarks(root)
    unread = problems(root)
    if not benchmarks and not unread:
        remedy = "run this in a clone of fkd, or give its folder of entries by --leaderboard"
        raise FkdError(f"{root.resolve()} holds no benchmark: {remedy}")
    for benchmark in benchmarks:
        entries = read_entries(root, benchmark)
        rows = ranking(benchmark, entries, weights_there(checkpoints.glob("*"), entries.measured), synced.claims)
        typer.echo(
            f"{benchmark.name}: {benchmark.description}; {benchmark.faces} faces, {benchmark.values} coordinates"
        )
        table = pd.DataFrame([row.record() for row in rows], columns=columns, dtype=object)
        typer.echo(table.fillna("-").to_string(index=False, float_format="{:.3f}".format) if rows else "no entry yet")
    if synced.date:
        typer.echo(f"claims of Hub models, as of {synced.date}")
    for problem in unread:
        typer.echo(f"not read: {problem}", err=True)


@app.command("check")
def check_command(
    data: Data,
    checkpoints: Checkpoints = CHECKPOINTS,
    root: Root = LEADERBOARD,
) -> None:
    """Measure every entry again, and list the entries with other figures; exit status 1 if any has."""
    from fkd.board.entries import find_benchmark, read_entries
    from fkd.board.measuring import find_ranking, measure_again
    from fkd.hub.repository import pull, weights_there

    entries = read_entries(root, find_benchmark(root, find_ranking(data, root)[0]))
    for entry in entries.measured:
        if entry.revision:
            try:
                pull(entry.name, entry.revision)
            except FkdError as error:
                typer.echo(f"{entry.name}: {error}", err=True)
    folders = weights_there(checkpoints.glob("*"), entries.measured)
    elsewhere = {
        entry.name for entry in entries.measured if not entry.held_out and not folders.keys() & set(entry.keys)
    }
    for name in sorted(elsewhere):
        typer.echo(f"{name}: has no rank, and its file is not here")
    is_wrong = False
    measured = measure_again([entry for entry in entries.measured if entry.name not in elsewhere], folders, data)
    for name, problem in itertools.chain(entries.unreadable.items(), measured):
        typer.echo(f"{name}: {problem or 'reproduced'}")
        is_wrong = is_wrong or bool(problem)
    if is_wrong:
        raise typer.Exit(1)


@app.command("sync")
def sync_command(root: Entries = LEADERBOARD) -> None:
    """Read the claims of Hub models, and store them with the entries."""
    from fkd.board.entries import SYNCED
    from fkd.files import counted
    from fkd.hub.claims import sync

    typer.echo(f"{counted(len(sync(root).claims), 'claim')}; {root / SYNCED}")
