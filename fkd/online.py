"""The commands that talk to the Hugging Face Hub; `fkd.__main__` takes them in."""

import dataclasses
import itertools
from pathlib import Path
from typing import Annotated

import pandas as pd
import typer

from fkd import hub
from fkd.benchmark import data_name, measure, measure_again
from fkd.checkpoint import CONFIG, load_checkpoint, read_config
from fkd.deploy import deploy, hub_leaderboard, publish_benchmark
from fkd.entries import SYNCED, problems, read_benchmarks, read_entries, read_published, read_synced, write_entry
from fkd.evaluate import read_evaluation
from fkd.known import checkpoint_folders, known_checkpoints, weights_there
from fkd.leaderboard import table, unranked_reason
from fkd.sync import sync
from fkd.verified import unverified_reason

app = typer.Typer()
board = typer.Typer(help="The rankings: print them; sync with the Hub; publish there.", invoke_without_command=True)
app.add_typer(board, name="leaderboard")
SHOWN = ["rank", "status", "model", "rmse", "rmse_low", "rmse_high", "nme", "parameters", "latency_ms", "unranked"]
Root = Annotated[Path, typer.Option("--leaderboard", help="The folder of entries.")]
Checkpoints = Annotated[Path, typer.Option("--checkpoints", help="The folder of checkpoints that entries are of.")]
LEADERBOARD, CHECKPOINTS = Path("leaderboard"), Path("checkpoints")
HOME = Path(__file__).parent.parent
EXAMPLE = HOME / "examples" / "eileen_collins.png"
Private = Annotated[bool, typer.Option("--private", help="If it is made: only for you.")]
Repo = Annotated[str, typer.Argument(help="user/name on the Hub.")]


@app.command("push")
def push_command(
    checkpoint: Annotated[Path, typer.Argument(help="A checkpoint folder.")],
    repo: Repo,
    private: Private = False,
    pr: Annotated[bool, typer.Option("--pr", help="As a pull request, to somebody's repository.")] = False,
    photo: Annotated[Path, typer.Option(help="A face for the card's picture; it becomes public.")] = EXAMPLE,
    root: Root = LEADERBOARD,
) -> None:
    """Publish a checkpoint with its evaluation and card: one commit, or none if nothing has changed."""
    # Training and evaluation run on machines without a face detector, so it is imported only here.
    from fkd.publication import publication  # noqa: PLC0415

    loaded = load_checkpoint(checkpoint)
    path = checkpoint / hub.EVALUATION
    if not path.is_file():
        raise ValueError(f"{checkpoint} has no {hub.EVALUATION}: run `fkd evaluate {checkpoint} --data DIR` first")
    evaluation = read_evaluation(path)
    known = {benchmark.name: benchmark.dataset for benchmark in read_benchmarks(root)}
    dataset = known.get(evaluation.benchmark, "")
    files = publication(loaded, evaluation, repo, photo, hub.remote_card(repo), dataset)
    pushed = hub.push(checkpoint, repo, files, private, pr)
    typer.echo(f"{pushed.url}: {f'commit {pushed.commit}' if pushed.changed else 'nothing has changed'}")


@app.command("pull")
def pull_command(
    repo: Repo,
    revision: Annotated[str | None, typer.Option(help="A branch, tag or commit; the newest, if not given.")] = None,
) -> None:
    """Download a checkpoint, refuse what is not safe to load, and print its folder."""
    typer.echo(hub.pull(repo.removeprefix(hub.SCHEME), revision))


@app.command("verify")
def verify_command(
    model: Annotated[str, typer.Argument(help="hf:user/repo, or hf:user/repo@revision.")],
    data: Annotated[Path, typer.Option(help="The benchmark's data, as for `evaluate`.")],
    benchmark: Annotated[str, typer.Option(help="The ranking; the data folder's name, if not given.")] = "",
    root: Root = LEADERBOARD,
) -> None:
    """Measure a model of the Hub and enter it: it is then ranked, as verified, under its weights' hash."""
    repo, _, revision = model.removeprefix(hub.SCHEME).partition("@")
    folder = hub.pull(repo, revision or None)
    evaluation = measure([load_checkpoint(folder, repo)], data, benchmark)
    evaluation = dataclasses.replace(evaluation, revision=folder.name)
    known = [one for one in read_benchmarks(root) if one.name == evaluation.benchmark]
    if not known:
        raise ValueError(f"{root} has no benchmark {evaluation.benchmark}: --benchmark or --data names another")
    path = write_entry(root, evaluation, known[0].description)
    typer.echo(
        f"{repo} at {folder.name[:12]}: RMSE {evaluation.accuracy.rmse:.3f} px, weights {evaluation.checkpoint[:12]}; "
        f"{path}"
    )
    for claim in read_synced(root).claims:
        if claim.repo == repo and claim.benchmark == evaluation.benchmark and claim.rmse is not None:
            typer.echo(f"its author claims {claim.rmse:.3f} px")
    reason = unranked_reason(known[0], evaluation)
    if reason := reason or unverified_reason(evaluation, {evaluation.checkpoint: read_config(folder / CONFIG)}):
        typer.echo(f"not ranked: {reason}", err=True)


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
                hub.pull(entry.name, entry.revision)
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


@app.command("deploy")
def deploy_command(
    space: Annotated[str, typer.Argument(help="user/name of the Space.")],
    model: Annotated[
        list[str], typer.Option(help="A model of the Hub, user/name, in place of the checkpoints here; repeatable.")
    ] = [],  # noqa: B006 - typer makes a new list for every call
    private: Private = False,
) -> None:
    """Make or update a Space that is the page; a Hub account is all it needs."""
    if not (HOME / "app.py").is_file():
        raise ValueError(f"{HOME} has no app.py: run this in a clone of fkd")
    typer.echo(deploy(HOME, space, private, [one.removeprefix(hub.SCHEME) for one in model]))


def _folders(checkpoints: Path) -> list[Path]:
    """The folders of checkpoints that are there; what is pinned wrongly hides none of them."""
    try:
        return checkpoint_folders(checkpoints)
    except (ValueError, OSError) as error:
        typer.echo(f"not read: {error}", err=True)
        return sorted(path.parent for path in checkpoints.glob(f"*/{CONFIG}"))


def _text(table: pd.DataFrame) -> str:
    return table.to_string(index=False, float_format="{:.3f}".format, na_rep="-")
