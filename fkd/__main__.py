"""The command line: python -m fkd COMMAND."""

import dataclasses
import os
from pathlib import Path
from typing import Annotated

import torch
import torch.distributed as dist
import typer
from tqdm import tqdm

from fkd import data as fkd_data
from fkd.augment import AugmentConfig
from fkd.benchmark import data_name, measure
from fkd.card import model_card
from fkd.check import check
from fkd.checkpoint import Config
from fkd.entries import read_benchmarks, write_entry
from fkd.files import replacing, write_json
from fkd.hub import load
from fkd.leaderboard import unranked_reason
from fkd.models import FCNN, ModelConfig
from fkd.online import app as online_app
from fkd.resume import STATE
from fkd.split import fingerprint, split_data
from fkd.submission import submission, write_submission
from fkd.train import TrainConfig, train
from fkd.verified import unverified_reason

app = typer.Typer(help="Train, compare and rank facial keypoint detectors.", no_args_is_help=True, add_completion=False)
data_app = typer.Typer(help="The competition's files: check, download.", no_args_is_help=True)
app.add_typer(data_app, name="data")
app.add_typer(online_app)

DEFAULTS = TrainConfig()
Data = Annotated[
    Path,
    typer.Option(
        "--data",
        help="Folder with training.zip, test.zip, IdLookupTable.csv, or the competition's one big zip.",
    ),
]
Mirror = Annotated[bool, typer.Option("--mirror", help="Average each answer with that for the mirror image.")]
Device = Annotated[str, typer.Option(help="cpu, cuda, or auto: cuda where there is one.")]


@app.command("train")
def train_command(
    data: Data,
    out: Annotated[Path, typer.Option(help="The checkpoint folder to write.")],
    model: Annotated[
        str, typer.Option(help='"fcnn", or a residual network of timm, as resnet18 or resnet50.')
    ] = "resnet18",
    conventions: Annotated[
        int | None,
        typer.Option(help="2: learn both label conventions side by side; 1: mix them (default for fcnn, the paper's)."),
    ] = None,
    head: Annotated[str, typer.Option(help="heatmap or regression; fcnn can only regress.")] = "",
    stem_stride: Annotated[int, typer.Option(help="4, or 2: twice the resolution at four times the cost.")] = 4,
    epochs: int = DEFAULTS.epochs,
    batch_size: int = DEFAULTS.batch_size,
    optimizer: Annotated[str, typer.Option(help="adamw or adam.")] = DEFAULTS.optimizer,
    lr: float = DEFAULTS.lr,
    weight_decay: float = DEFAULTS.weight_decay,
    warmup_epochs: Annotated[
        int | None, typer.Option(help="3 if not given, or as many as leave one epoch after them.")
    ] = None,
    ema: Annotated[float, typer.Option(help="Decay of the moving average of the weights; 0 is off.")] = DEFAULTS.ema,
    labels: Annotated[str, typer.Option(help="all (masked loss), or complete rows only.")] = DEFAULTS.labels,
    augment: Annotated[float, typer.Option(help="Strength of the augmentation; 0 is off, mirroring too.")] = 1.0,
    precision: Annotated[str, typer.Option(help="auto, bf16 or fp32.")] = DEFAULTS.precision,
    half: Annotated[bool, typer.Option("--half", help="Save the weights in float16.")] = False,
    start: Annotated[Path | None, typer.Option(help="A checkpoint whose weights to begin with.")] = None,
    seed: int = DEFAULTS.seed,
    terms: Annotated[str, typer.Option(help="Terms of the training data, for the model card.")] = "",
    device: Device = "auto",
    resume: Annotated[bool, typer.Option("--resume", help="Continue a stopped run.")] = False,
) -> None:
    """Train a model; keeps the best epoch by validation RMSE on a leak-free split."""
    model_config = ModelConfig(
        model,
        (1 if model == FCNN else 2) if conventions is None else conventions,
        head,
        stem_stride,
    )
    config = TrainConfig(
        epochs=epochs,
        batch_size=batch_size,
        optimizer=optimizer,
        lr=lr,
        weight_decay=weight_decay,
        warmup_epochs=warmup_epochs,
        ema=ema,
        labels=labels,
        augment=AugmentConfig().scaled(augment) if augment else None,
        precision=precision,
        half=half,
        seed=seed,
    )
    device = _device(device)
    if "RANK" in os.environ:  # torchrun starts every process with one
        dist.init_process_group("nccl" if device == "cuda" else "gloo")
        device = f"cuda:{os.environ['LOCAL_RANK']}" if device == "cuda" else device
    begun = load(start) if start else None
    faces, split = split_data(data)
    prints = {part: fingerprint(faces[getattr(split, part)]) for part in ("train", "validation", "test")}
    if begun and begun.data.get("fingerprints") != prints:
        raise ValueError(
            f"{begun.name} was trained on other data or another split, so as --start it would leak held-out faces: "
            "train it on this data first"
        )
    first = not dist.is_initialized() or dist.get_rank() == 0
    if first:
        typer.echo(
            f"{len(faces):,} faces: {len(split.train):,} to train, {len(split.validation):,} to validate, "
            f"{len(split.test):,} held out (10% each; look-alikes stay together)"
        )
    try:
        done = train(model_config, config, faces, split, out, data_name(data), terms, device, resume, begun)
    except KeyboardInterrupt:
        then = "with --resume continues after the last whole epoch" if (out / STATE).exists() else "starts anew"
        typer.echo(f"stopped; the same command {then} ({out})", err=True)
        raise typer.Exit(130) from None
    if dist.is_initialized():
        dist.destroy_process_group()
    if first:
        typer.echo(f"best epoch {done.best_epoch}: validation RMSE {done.validation_rmse:.3f} px; saved in {out}")


@app.command("evaluate")
def evaluate_command(
    checkpoint: Annotated[
        list[Path], typer.Argument(help="A checkpoint folder or hf:user/repo; several make an ensemble.")
    ],
    data: Data,
    name: Annotated[str, typer.Option(help="The entry's name; the checkpoint's, if not given.")] = "",
    benchmark: Annotated[
        str, typer.Option(help="The ranking: the data folder's name, if not given; \"kaggle\" for the competition's.")
    ] = "",
    leaderboard_dir: Annotated[Path, typer.Option("--leaderboard", help="Where the entry goes.")] = Path("leaderboard"),
    mirror: Mirror = False,
    device: Device = "auto",
) -> None:
    """Measure a checkpoint on the held-out tenth of the training file, and enter it in the leaderboard."""
    if len(checkpoint) > 1 and not name:
        raise ValueError("an ensemble needs a name for its entry: add --name NAME")
    loaded = [load(folder) for folder in checkpoint]
    evaluation = measure(loaded, data, benchmark, name, mirror, _device(device))
    description = (
        f"The held-out tenth of {data_name(data)}'s training file: by content, no look-alike of a training face"
    )
    path = write_entry(leaderboard_dir, evaluation, description)
    if len(loaded) == 1 and not mirror and checkpoint[0].is_dir():
        write_json(checkpoint[0] / "evaluation.json", dataclasses.asdict(evaluation))
        with replacing(checkpoint[0] / "README.md") as aside:
            aside.write_text(model_card(loaded[0], evaluation))
    result = evaluation.accuracy
    typer.echo(
        f"{evaluation.name} on {evaluation.benchmark}: RMSE {result.rmse:.3f} px "
        f"({result.rmse_low:.3f} to {result.rmse_high:.3f}), {result.faces} faces, {result.values} coordinates; {path}"
    )
    (definition,) = (b for b in read_benchmarks(leaderboard_dir) if b.name == evaluation.benchmark)
    known = {one.sha256: Config(one.model.config, one.training, one.data) for one in loaded}
    if reason := unranked_reason(definition, evaluation) or unverified_reason(evaluation, known):
        typer.echo(f"not ranked: {reason}", err=True)


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
    models = [load(folder).model.to(_device(device)) for folder in checkpoint]
    answers = submission(models, data, mirror)
    write_submission(answers, fkd_data.read_lookup(data), out)
    typer.echo(f"{out}: {len(answers):,} rows, as in IdLookupTable.csv, from {len(models)} model(s)")


@app.command("predict")
def predict_command(
    photos: Annotated[list[Path], typer.Argument(help="Photos, or folders of photos.")],
    checkpoint: Annotated[Path, typer.Option(help="A checkpoint folder, or hf:user/repo.")],
    json_file: Annotated[Path, typer.Option("--json", help="Where the points go.")],
    draw: Annotated[Path | None, typer.Option(help="A folder for the photos with the points drawn.")] = None,
) -> None:
    """Find the faces in photos and their keypoints, in pixels of the upright photo."""
    # Training and evaluation run on machines without a face detector, so it is imported only here.
    from fkd.draw import GREEN, draw_points  # noqa: PLC0415
    from fkd.photo_file import list_photos, read_photo  # noqa: PLC0415
    from fkd.predict import predict  # noqa: PLC0415

    loaded = load(checkpoint)
    paths = list_photos(photos)
    if draw and len({path.stem for path in paths}) < len(paths):
        raise ValueError("--draw: two of the photos have the same name, so one drawing would replace the other")
    found, failed = [], []
    for path in tqdm(paths, unit="photo", disable=None):
        try:
            photo = read_photo(path)
        except ValueError as error:
            failed.append(str(error))
            continue
        faces = predict(loaded, photo)
        found.append({"photo": str(path), "faces": [face.to_json() for face in faces]})
        if draw:
            with replacing(draw / f"{path.stem}.png") as aside:
                draw_points(photo, [face.points for face in faces], GREEN).save(aside)
    write_json(json_file, found)
    count = sum(len(item["faces"]) for item in found)
    typer.echo(f"{json_file}: {count} face(s) in {len(found)} photo(s)")
    if failed:
        typer.echo("not read:\n" + "\n".join(failed), err=True)
        raise typer.Exit(1)


@data_app.command("check")
def check_command(
    folder: Annotated[Path, typer.Argument(help="Folder or zip of the competition's files.")],
) -> None:
    """Report what is in a training file: labels, conventions, duplicates, suspicious rows."""
    report = check(folder)
    typer.echo(f"{report.rows:,} rows, {report.complete_rows:,} complete")
    typer.echo(
        f"label conventions: {report.rows - report.sparse_rows:,} rows of the 15-point kind, "
        f"{report.sparse_rows:,} of the four-point kind"
    )
    typer.echo(f"{report.exact_duplicates:,} exact duplicates")
    typer.echo(f"{report.rows_in_groups:,} rows in {report.look_alike_groups:,} groups of look-alikes")
    for name, count in report.labels.items():
        typer.echo(f"  {name:26} {count:6,} labels")
    typer.echo(f"{len(report.suspicious):,} suspicious rows")
    for row, reason in report.suspicious.items():
        typer.echo(f"  row {row} {reason}")


@data_app.command("download")
def download_command(folder: Annotated[Path, typer.Argument(help="Where the files go.")]) -> None:
    """Download the competition's files from Kaggle (needs an account and its rules accepted)."""
    typer.echo(f"{fkd_data.download(folder)}")


def _device(name: str) -> str:
    if name not in ("auto", "cpu", "cuda"):
        raise ValueError(f"--device is {name!r}, expected auto, cpu or cuda")
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda" and not torch.cuda.is_available():
        raise ValueError("--device cuda: torch finds no CUDA device here; use --device cpu")
    return name


def main() -> None:
    """Runs a command; a user's mistake ends in one sentence and exit status 1."""
    try:
        app()
    except (ValueError, OSError) as error:
        typer.echo(f"fkd: {error}", err=True)
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
