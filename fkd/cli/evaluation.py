"""fkd evaluate, score, verify and submit: measure checkpoints and predictions."""

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fkd.cli.options import DETECTORS, LEADERBOARD, Benchmark, Data, Detectors, Device, Mirror, Root, chosen_device
from fkd.errors import FkdError

if TYPE_CHECKING:
    from fkd.board.record import Evaluation
    from fkd.photo.detector import Detector


def evaluate_command(
    checkpoint: Detectors,
    data: Data,
    name: Annotated[str, typer.Option(help="The entry's name; the checkpoint's, if not given.")] = "",
    benchmark: Benchmark = "",
    root: Root = LEADERBOARD,
    mirror: Mirror = False,
    device: Device = "auto",
) -> None:
    """Measure a detector on the held-out tenth of the training file, and enter it in the leaderboard."""
    from fkd.board.measuring import mean_face_rmse, measure
    from fkd.metrics import RMSE

    if len(checkpoint) > 1 and not name:
        raise FkdError("an ensemble needs a name for its entry: add --name NAME")
    detectors = _load(checkpoint, device)
    evaluation = measure(detectors, data, benchmark, name, mirror)
    _enter(evaluation, root, data)
    typer.echo(f"aligned {RMSE.shown((evaluation.aligned or {}).get(RMSE.key))}")
    if len(detectors) == 1 and not mirror and Path(checkpoint[0]).is_dir():
        _write_card(detectors[0], evaluation, Path(checkpoint[0]))
    mean_face = mean_face_rmse(data)
    ratio = mean_face / evaluation.accuracy.rmse
    typer.echo(f"the mean face, the simplest answer: RMSE {mean_face:.3f} px, {ratio:.1f} times as much")


def score_command(
    predictions: Annotated[Path, typer.Argument(help="A csv for the frames of `fkd data export-test`.")],
    data: Data,
    name: Annotated[str, typer.Option(help="The entry's name.")],
    benchmark: Benchmark = "",
    trained_on: Annotated[str, typer.Option(help="The data that the predictions' author trained on, in a line.")] = "",
    root: Root = LEADERBOARD,
) -> None:
    """Score a file of predictions, made by any program, and enter it as submitted.

    The csv has the columns RowId and Location, or ImageId and the 30 coordinates. It is measured as a checkpoint is, on
    the held-out tenth of the training file, except for time, size and degraded faces. A submitted entry has no rank, as
    its predictions cannot be reproduced here.
    """
    from fkd.board.measuring import score

    _enter(score(predictions, data, name, benchmark, trained_on), root, data)


def submit_command(
    checkpoint: Annotated[list[str], typer.Option(help=DETECTORS)],
    data: Data,
    out: Annotated[Path, typer.Option(help="The csv file to write.")],
    mirror: Mirror = False,
    device: Device = "auto",
) -> None:
    """Write the competition's submission.csv for the test images."""
    from fkd.board.submission import submission
    from fkd.files import replacing

    detectors = _load(checkpoint, device)
    answers = submission(detectors, data, mirror)
    with replacing(out) as unfinished:
        answers.to_csv(unfinished, index=False, float_format="%.4f")
    typer.echo(f"{out}: {len(answers):,} rows, as in IdLookupTable.csv, from {len(detectors)} model(s)")


def verify_command(
    model: Annotated[str, typer.Argument(help="hf:user/repo, or hf:user/repo@revision.")],
    data: Data,
    benchmark: Benchmark = "",
    root: Root = LEADERBOARD,
) -> None:
    """Measure a Hub model and enter it: it is then ranked, as verified, under its weights' hash."""
    from fkd.board.entries import read_synced
    from fkd.board.measuring import measure
    from fkd.hub.reference import HubModel, load
    from fkd.metrics import RMSE

    detector = load(str(HubModel.parse(model)))
    assert detector.folder
    evaluation = dataclasses.replace(measure([detector], data, benchmark), revision=detector.folder.name)
    _enter(evaluation, root, data)
    for claim in read_synced(root).claims:
        if claim.repo == evaluation.name and claim.benchmark == evaluation.benchmark and not claim.refused:
            typer.echo(f"its author claims {RMSE.shown(claim.figures.get(RMSE.key))}")


def _load(references: list[str], device: str) -> list["Detector"]:
    """Load detectors, with a warning for a checkpoint that never saw a row of four points."""
    from fkd.hub.reference import load
    from fkd.photo.detectors.checkpoint import CheckpointDetector

    detectors = [load(reference, device=chosen_device(device)) for reference in references]
    for detector in detectors:
        conventions = detector.checkpoint.model.config.conventions if isinstance(detector, CheckpointDetector) else []
        if conventions and not any(convention.four_point for convention in conventions):
            warning = f"warning: {detector.name} was trained without rows of four points, so it answers images of four "
            warning += "points as those of 15; expect errors of 3 to 5 px in nose tip and bottom lip"
            typer.echo(warning, err=True)
    return detectors


def _enter(evaluation: "Evaluation", root: Path, data: Path) -> None:
    """Write an entry, and print its accuracy and why it has no rank, if it has none."""
    from fkd.board.entries import find_benchmark, write_entry
    from fkd.board.ranking import unranked_reason
    from fkd.data.record import data_name

    description = f"The held-out tenth of {data_name(data)}'s training file, without look-alikes of training faces"
    path = write_entry(root, evaluation, description)
    result = evaluation.accuracy
    typer.echo(
        f"{evaluation.name} on {evaluation.benchmark}: RMSE {result.rmse:.3f} px ({result.rmse_low:.3f} to "
        f"{result.rmse_high:.3f}), {result.faces} faces, {result.values} coordinates; {path}"
    )
    if reason := unranked_reason(find_benchmark(root, evaluation.benchmark), evaluation):
        typer.echo(f"not ranked: {reason}", err=True)


def _write_card(detector: "Detector", evaluation: "Evaluation", folder: Path) -> None:
    """Write a checkpoint's evaluation and its card, in which its owner's own text stays."""
    from fkd.files import replacing, write_json
    from fkd.hub.card import model_card
    from fkd.photo.detectors.checkpoint import CheckpointDetector

    if isinstance(detector, CheckpointDetector):
        write_json(folder / "evaluation.json", dataclasses.asdict(evaluation))
        card = folder / "README.md"
        before = card.read_text("utf-8") if card.exists() else ""
        with replacing(card) as unfinished:
            unfinished.write_text(model_card(detector.checkpoint, evaluation, before=before), "utf-8")
