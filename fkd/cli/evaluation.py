"""fkd evaluate and submit: measure detectors, and answer the competition's test images."""

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fkd.cli.options import (
    CHECKPOINTS,
    DETECTORS,
    LEADERBOARD,
    Data,
    Detectors,
    Device,
    Entries,
    Mirror,
    Overwrite,
    check_free,
    to_write,
)
from fkd.errors import FkdError

if TYPE_CHECKING:
    from fkd.board.record import Evaluation
    from fkd.photo.detector import Detector

NAME = "The entry's name; the checkpoint's, with -mirror for flip averaging, if not given."
EVALUATION = "evaluation.json"


def evaluate_command(
    checkpoint: Detectors,
    data: Data,
    name: Annotated[str, typer.Option(help=NAME)] = "",
    root: Entries = LEADERBOARD,
    mirror: Mirror = False,
    device: Device = "auto",
    overwrite: Overwrite = False,
) -> None:
    """Measure a detector on the held-out tenth of the training file, and enter it in the leaderboard.

    Writes the checkpoint's card and evaluation.json too.
    """
    from fkd.board.entries import check_replaceable, file_name
    from fkd.board.measuring import entry_name, evaluate, find_ranking
    from fkd.board.record import check_entry
    from fkd.files import check_writable

    if len(checkpoint) > 1 and not name:
        raise FkdError("an ensemble needs a name for its entry: add --name NAME")
    detectors = _load(checkpoint, device)
    ranking, found = find_ranking(data, root)
    name, weights = entry_name(detectors, name, mirror), [detector.sha256 for detector in detectors]
    check_entry(name, weights)
    if not overwrite and "/" not in name:  # a Hub model's name is its own, and newer commits replace older ones
        check_replaceable(root / ranking / file_name(name), weights, mirror, found)
    folder = Path(checkpoint[0])
    carded = len(detectors) == 1 and not mirror and folder.is_dir()
    if carded:
        check_writable(folder / EVALUATION)
    typer.echo(f"measuring {name} on the held-out faces of {data}, then on degraded copies of them", err=True)
    evaluation = evaluate(detectors, data, ranking, name, mirror)
    if carded:
        _write_card(detectors[0], evaluation, folder)
    _enter(evaluation, root, data)
    shown = "fkd leaderboard" + ("" if root == LEADERBOARD else f" --leaderboard {root}")
    typer.echo(f"next: `{shown}` shows the ranking" + ("" if mirror else "; --mirror is often a little better"))


def submit_command(
    checkpoint: Annotated[list[str], typer.Option(help=DETECTORS)],
    data: Data,
    out: Annotated[Path, typer.Option(callback=to_write, help="The csv file to write.")],
    mirror: Mirror = False,
    device: Device = "auto",
    overwrite: Overwrite = False,
) -> None:
    """Write the competition's submission.csv for the test images."""
    from fkd.board.measuring import submission
    from fkd.data.find import COMPETITION
    from fkd.files import counted, replacing

    check_free(out, overwrite)
    detectors = _load(checkpoint, device)
    typer.echo(f"reading the test images of {data}, and finding their keypoints", err=True)
    answers = submission(detectors, data, mirror)
    with replacing(out) as unfinished:
        answers.to_csv(unfinished, index=False, float_format="%.4f")
    typer.echo(
        f"{out}: {len(answers):,} rows, as in IdLookupTable.csv, from {counted(len(detectors), 'model')}\n"
        f"next: upload it at https://www.kaggle.com/c/{COMPETITION}/submit, or by Kaggle's own program (docs/kaggle.md)"
    )


def _load(references: list[str], device: str) -> list["Detector"]:
    """Load detectors, with a warning for a checkpoint that never saw a row of four points."""
    from fkd.hub.reference import load
    from fkd.photo.detectors.checkpoint import CheckpointDetector

    detectors = [load(reference, device=device) for reference in references]
    for detector in detectors:
        conventions = detector.conventions if isinstance(detector, CheckpointDetector) else []
        if conventions and not any(convention.four_point for convention in conventions):
            warning = f"warning: {detector.name} was trained without rows of four points, so it answers images of four "
            warning += "points as those of 15; expect errors of 3 to 5 px in nose tip and bottom lip"
            typer.echo(warning, err=True)
    return detectors


def _enter(evaluation: "Evaluation", root: Path, data: Path) -> None:
    """Write an entry, and print it next to the mean face, with its rank."""
    from fkd.board.entries import find_benchmark, read_entries, write_entry
    from fkd.board.measuring import mean_face
    from fkd.board.ranking import ranking
    from fkd.data.record import data_name
    from fkd.data.split import split_data
    from fkd.hub.repository import weights_there
    from fkd.metrics import RMSE

    faces, split = split_data(data)
    simplest = mean_face(faces, split, split.test).rmse
    times = simplest / evaluation.accuracy.rmse
    typer.echo(f"{evaluation}\nthe mean face, the simplest answer: RMSE {simplest:.3f} px, {times:.1f} times as much")
    if evaluation.aligned:
        typer.echo(f"aligned {RMSE.label} {RMSE.shown(evaluation.aligned.get(RMSE.key))}")
    description = f"The held-out tenth of {data_name(data)}'s training file, without look-alikes of training faces"
    typer.echo(f"{write_entry(root, evaluation, description)}: written")
    board = find_benchmark(root, evaluation.benchmark)
    entries = read_entries(root, board)
    rows = ranking(board, entries, weights_there(CHECKPOINTS.glob("*"), entries.measured))
    row = next(row for row in rows if row.entry and row.name == evaluation.name)
    if row.unranked:
        typer.echo(f"not ranked: {row.unranked}", err=True)
    else:
        typer.echo(f"rank {row.rank} of {sum(bool(each.rank) for each in rows)}")


def _write_card(detector: "Detector", evaluation: "Evaluation", folder: Path) -> None:
    """Write a checkpoint's evaluation and its card, in which its owner's own text stays."""
    from fkd.files import replacing, write_json
    from fkd.hub.card import model_card
    from fkd.photo.detectors.checkpoint import CheckpointDetector

    if not isinstance(detector, CheckpointDetector):
        return
    path, card = folder / EVALUATION, folder / "README.md"
    write_json(path, dataclasses.asdict(evaluation))
    text = card.read_text("utf-8") if card.exists() else ""
    with replacing(card) as unfinished:
        unfinished.write_text(model_card(detector, evaluation, before=text), "utf-8")
    typer.echo(f"{path} and {card.name}: written")
