"""fkd evaluate, score, verify and submit: measure checkpoints and predictions."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from fkd.board.entries import find_benchmark, read_synced, write_entry
from fkd.board.measuring import data_name, mean_face_rmse, measure
from fkd.board.ranking import unranked_reason
from fkd.board.record import Evaluation
from fkd.board.scoring import score
from fkd.board.submission import submission, write_submission
from fkd.cli.device import chosen_device
from fkd.cli.options import LEADERBOARD, Data, Device, Mirror, Root
from fkd.data.competition import read_lookup
from fkd.errors import FkdError
from fkd.files import replacing, write_json
from fkd.hub.card import model_card
from fkd.hub.reference import HubModel, load, load_trained
from fkd.metrics import RMSE
from fkd.photo.detector import Detector
from fkd.photo.detectors.checkpoint import CheckpointDetector

app = typer.Typer()
Benchmark = Annotated[
    str, typer.Option(help="The ranking: the data folder's name, if not given; \"kaggle\" for the competition's.")
]


@app.command("evaluate")
def evaluate_command(
    checkpoint: Annotated[
        list[Path],
        typer.Argument(
            help="A checkpoint folder, hf:user/repo, or kind:FILE (dlib, mediapipe, onnx); several make an ensemble."
        ),
    ],
    data: Data,
    name: Annotated[str, typer.Option(help="The entry's name; the checkpoint's, if not given.")] = "",
    benchmark: Benchmark = "",
    leaderboard_dir: Annotated[Path, typer.Option("--leaderboard", help="Where the entry goes.")] = Path("leaderboard"),
    mirror: Mirror = False,
    device: Device = "auto",
) -> None:
    """Measure a detector on the held-out tenth of the training file, and enter it in the leaderboard."""
    if len(checkpoint) > 1 and not name:
        raise FkdError("an ensemble needs a name for its entry: add --name NAME")
    detectors = [load(reference, device=chosen_device(device)) for reference in checkpoint]
    evaluation = measure(detectors, data, benchmark, name, mirror)
    path = write_entry(leaderboard_dir, evaluation, _description(data))
    loaded = [detector.checkpoint for detector in detectors if isinstance(detector, CheckpointDetector)]
    if len(detectors) == len(loaded) == 1 and not mirror and checkpoint[0].is_dir():
        write_json(checkpoint[0] / "evaluation.json", dataclasses.asdict(evaluation))
        card = checkpoint[0] / "README.md"
        before = card.read_text("utf-8") if card.exists() else ""  # what its owner wrote there stays
        with replacing(card) as unfinished:
            unfinished.write_text(model_card(loaded[0], evaluation, before=before), "utf-8")
    aligned = (evaluation.aligned or {}).get(RMSE.key)
    typer.echo(f"{_summary(evaluation)}; aligned {RMSE.shown(aligned)}; {path}")
    mean_face = mean_face_rmse(data)
    ratio = mean_face / evaluation.accuracy.rmse
    typer.echo(f"the mean face, the simplest answer: RMSE {mean_face:.3f} px, {ratio:.1f} times as much")
    _warn_of_untrained(detectors)
    ranking = find_benchmark(leaderboard_dir, evaluation.benchmark)
    if reason := unranked_reason(ranking, evaluation):
        typer.echo(f"not ranked: {reason}", err=True)


@app.command("score")
def score_command(
    predictions: Annotated[
        Path,
        typer.Argument(
            help="A csv for the frames of `fkd data export-test`: RowId,Location, or ImageId and the 30 coordinates."
        ),
    ],
    data: Data,
    name: Annotated[str, typer.Option(help="The entry's name.")],
    benchmark: Benchmark = "",
    trained_on: Annotated[str, typer.Option(help="The data that the predictions' author trained on, in a line.")] = "",
    root: Root = LEADERBOARD,
) -> None:
    """Score a file of predictions, made by any program, and enter it as submitted.

    It is measured as a checkpoint is, on the held-out tenth of the training file, except for time, size and degraded
    faces. A submitted entry has no rank, as its predictions cannot be reproduced here.
    """
    evaluation = score(predictions, data, name, benchmark, trained_on)
    path = write_entry(root, evaluation, _description(data))
    typer.echo(f"{_summary(evaluation)}; {path}")
    typer.echo(f"not ranked: {unranked_reason(find_benchmark(root, evaluation.benchmark), evaluation)}", err=True)


@app.command("submit")
def submit_command(
    checkpoint: Annotated[
        list[Path], typer.Option(help="A checkpoint folder or hf:user/repo; several make an ensemble.")
    ],
    data: Data,
    out: Annotated[Path, typer.Option(help="The csv file to write.")],
    mirror: Mirror = False,
    device: Device = "auto",
) -> None:
    """Write the competition's submission.csv for the test images."""
    detectors = [load(reference, device=chosen_device(device)) for reference in checkpoint]
    answers = submission(detectors, data, mirror)
    _warn_of_untrained(detectors)
    write_submission(answers, read_lookup(data), out)
    typer.echo(f"{out}: {len(answers):,} rows, as in IdLookupTable.csv, from {len(detectors)} model(s)")


@app.command("verify")
def verify_command(
    model: Annotated[str, typer.Argument(help="hf:user/repo, or hf:user/repo@revision.")],
    data: Annotated[Path, typer.Option(help="The benchmark's data, as for `evaluate`.")],
    benchmark: Annotated[str, typer.Option(help="The ranking; the data folder's name, if not given.")] = "",
    root: Root = LEADERBOARD,
) -> None:
    """Measure a Hub model and enter it: it is then ranked, as verified, under its weights' hash."""
    reference = HubModel.parse(model)
    detector = load_trained(str(reference))
    repo, commit = reference.repo_id, detector.folder.name
    evaluation = dataclasses.replace(measure([detector], data, benchmark), revision=commit)
    ranking = find_benchmark(root, evaluation.benchmark)
    path = write_entry(root, evaluation, ranking.description)
    typer.echo(
        f"{repo} at {commit[:12]}: RMSE {evaluation.accuracy.rmse:.3f} px, weights {evaluation.checkpoint[:12]}; {path}"
    )
    for claim in read_synced(root).claims:
        if claim.repo == repo and claim.benchmark == evaluation.benchmark and not claim.refused:
            typer.echo(f"its author claims {RMSE.shown(claim.figures.get(RMSE.key))}")
    if reason := unranked_reason(ranking, evaluation):
        typer.echo(f"not ranked: {reason}", err=True)


def _warn_of_untrained(detectors: Sequence[Detector]) -> None:
    """Name the checkpoints that never saw a row of four points: they answer such images by their nearest outputs."""
    for detector in detectors:
        if isinstance(detector, CheckpointDetector):
            conventions = detector.checkpoint.model.config.conventions
            if not any(convention.four_point for convention in conventions):
                typer.echo(
                    f"warning: {detector.name} was trained without rows of four points, so it answers images of four "
                    "points as those of 15; expect errors of 3 to 5 px in nose tip and bottom lip",
                    err=True,
                )


def _description(data: Path) -> str:
    """Return the description of a new benchmark."""
    return f"The held-out tenth of {data_name(data)}'s training file: by content, no look-alike of a training face"


def _summary(evaluation: Evaluation) -> str:
    result = evaluation.accuracy
    return (
        f"{evaluation.name} on {evaluation.benchmark}: RMSE {result.rmse:.3f} px "
        f"({result.rmse_low:.3f} to {result.rmse_high:.3f}), {result.faces} faces, {result.values} coordinates"
    )
