"""fkd predict."""

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from tqdm import tqdm

from fkd.errors import FkdError
from fkd.hub.reference import SCHEME, load
from fkd.photo.answer_files import Journal, Row, journal_of
from fkd.photo.detector import Detector
from fkd.photo.detectors.checkpoint import CheckpointDetector
from fkd.photo.folders import walk_photos
from fkd.photo.pipeline import answer_folder, answer_photos, start_workers

app = typer.Typer()
FEW = 32  # photos that are done before other processes would have started


@app.command("predict")
def predict_command(
    photos: Annotated[list[Path], typer.Argument(help="Photos, or folders of photos, with the folders in them.")],
    checkpoint: Annotated[Path, typer.Option(help="A checkpoint folder, hf:user/repo or onnx:FILE.")],
    out: Annotated[Path, typer.Option(help="Where the points go: a .json, .csv or .parquet file.")],
    draw: Annotated[Path | None, typer.Option(help="A folder for the photos with the points drawn.")] = None,
    workers: Annotated[
        int, typer.Option(min=1, help="Processes, for folders on machines of many cores: one keeps two cores busy.")
    ] = 1,
    device: Annotated[str, typer.Option(help="cpu; cuda, cuda:N or mps (Apple), by torch; or auto.")] = "cpu",
    resume: Annotated[bool, typer.Option("--resume", help="Go on where a run that was stopped has ended.")] = False,
    precise: Annotated[bool, typer.Option("--precise", help="Average over several crops of a face: slower.")] = False,
    ray: Annotated[bool, typer.Option("--ray", help="On a Ray cluster; --out is a folder of Parquet files.")] = False,
) -> None:
    """Find the faces in photos and their keypoints, in pixels of the upright photo."""
    if ray:
        if draw or workers > 1 or resume or device != "cpu":
            raise FkdError("--ray distributes the work itself: leave out --draw, --workers, --device and --resume")
        _predict_on_ray(photos, checkpoint, out, precise)
        return
    if resume and out.exists() and not journal_of(out).exists():  # as a job that is started again finds it
        typer.echo(f"{out} already exists; nothing to resume")
        return
    paths = walk_photos(photos)
    if draw:
        listed = list(paths)
        if len({path.stem for path in listed}) < len(listed):
            raise FkdError("--draw: two of the photos have the same name, so one drawing would replace the other")
        paths = iter(listed)
    if device != "cpu":
        from fkd.cli.device import chosen_device  # noqa: PLC0415 - takes torch, which a CPU does without

        device = chosen_device(device)
        if workers > 1:
            raise FkdError("--workers is for answers on the CPU: leave out --device")
    detector = _load(checkpoint, precise, device)
    run = {"model": detector.name, "sha256": detector.sha256, "precise": precise}
    journal = Journal(out, run, resume)
    # Each worker loads this: a Hub model is already in its folder.
    where = str(detector.folder if isinstance(detector, CheckpointDetector) else checkpoint)
    todo = (path for path in paths if str(path) not in journal.done)
    rows = _rows(detector, where, todo, workers, draw, precise)
    for row in tqdm(rows, unit=" photos", disable=None):
        journal.write(row)
    journal.finish()
    typer.echo(f"{out}: {journal.faces} face(s) in {journal.photos} photo(s)")
    if journal.failed:
        errors = "\n".join(journal.errors)
        typer.echo(f"{journal.failed} photo(s) have no answer but an error, such as\n{errors}", err=True)


def _load(checkpoint: Path, precise: bool, device: str = "cpu") -> Detector:
    detector = load(checkpoint, device=device)
    detector.on_photos([], [], precise)  # one without precise answers says so now, not once per photo
    return detector


def _rows(
    detector: Detector, where: str, paths: Iterator[Path], workers: int, draw: Path | None, precise: bool
) -> Iterator[Row]:
    first = list(itertools.islice(paths, FEW))
    if workers == 1 or len(first) < FEW:
        photos = ((str(path), path) for path in itertools.chain(first, paths))
        yield from answer_photos(detector, photos, draw, precise)
        return
    with start_workers(workers) as pool:
        yield from answer_folder(pool, workers, load, where, itertools.chain(first, paths), draw, precise)


def _predict_on_ray(photos: list[Path], checkpoint: Path, out: Path, precise: bool) -> None:
    try:
        from fkd.photo.on_ray import answer_on_ray  # noqa: PLC0415 - needs Ray, which only fkd[ray] brings
    except ModuleNotFoundError as error:
        if error.name not in ("ray", "pyarrow"):
            raise
        raise FkdError("--ray needs Ray: pip install 'fkd[ray]', then run this again") from None
    kind, colon, file = str(checkpoint).rpartition(":")
    reference = str(checkpoint) if f"{kind}:" == SCHEME else f"{kind}{colon}{Path(file).absolute()}"
    answer_on_ray(photos, out, load, reference, _load(checkpoint, precise).name, precise)
    typer.echo(f"{out}: a folder of Parquet files")
