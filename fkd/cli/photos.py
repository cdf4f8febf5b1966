"""fkd predict."""

from pathlib import Path
from typing import Annotated

import typer

from fkd.cli.options import Overwrite, check_free, folder_to_write, local, resumable, to_write

MAX_ERRORS = 10  # printed at the end
DRAW = "A folder for the photos with the points drawn."


def predict_command(
    photos: Annotated[list[Path], typer.Argument(help="Photos, zips of photos, or folders, with the folders in them.")],
    checkpoint: Annotated[str, typer.Option(help="A checkpoint folder, hf:user/repo or onnx:FILE.")],
    out: Annotated[Path, typer.Option(callback=to_write, help="Where the points go: a .json, .csv or .parquet file.")],
    draw: Annotated[Path | None, typer.Option(callback=folder_to_write, help=DRAW)] = None,
    device: Annotated[str, typer.Option(help="cpu; cuda, cuda:N or mps (Apple), by torch; or auto.")] = "cpu",
    resume: Annotated[bool, typer.Option("--resume", help="Continue a run that was stopped.")] = False,
    precise: Annotated[bool, typer.Option("--precise", help="Average over several crops of a face: slower.")] = False,
    whole: Annotated[bool, typer.Option("--whole", help="Each photo is one face, cropped to it.")] = False,
    overwrite: Overwrite = False,
) -> None:
    """Find the faces in photos and their keypoints, in pixels of the upright photo."""
    from tqdm import tqdm

    from fkd.files import counted, replacing
    from fkd.hub.reference import load
    from fkd.photo.draw import draw_points
    from fkd.photo.finder import find_faces, whole_photo
    from fkd.photo.many_photos import answer_photos
    from fkd.photo.point_files import Journal, answer_row, write_rows
    from fkd.photo.sources import drawing_names, find_photos, skipped_note

    for photo in photos:
        local(photo)
    if resume and out.exists() and not out.with_name(f"{out.name}.part").exists():
        typer.echo(f"{out} already exists; nothing to resume")
        return
    if not resume:
        check_free(out, overwrite)
    detector = load(checkpoint, device=device)
    detector.on_photos([], [], precise)  # raises now, not once per photo, if it has no precise answers
    find = whole_photo if whole else find_faces
    skipped: list[str] = []
    sources = list(find_photos(photos, skipped))
    if draw:
        drawings = drawing_names(sources)
        for drawing in drawings.values():
            check_free(draw / drawing, overwrite or resume)
    if overwrite and not resume:
        out.with_name(f"{out.name}.part").unlink(missing_ok=True)
    settings = {"model": detector.name, "sha256": detector.sha256, "precise": precise}
    journal = Journal(out, settings | ({"whole": True} if whole else {}), resume)
    todo = [source for source in sources if source.name not in journal.done]
    with resumable(journal.path):
        answers = answer_photos([detector], todo, precise, find)
        for answered in tqdm(answers, total=len(todo), unit=" photos", disable=None):
            faces = answered.comparison.answers[detector.name] if answered.comparison else []
            if draw and answered.photo:
                with replacing(draw / drawings[answered.name]) as unfinished:
                    points = [face.points for face in faces]
                    draw_points(answered.photo, points, detector.colour).save(unfinished)
            if answered.note:
                typer.echo(answered.note, err=True)
            journal.write(answer_row(answered.name, detector.name, faces, answered.problem))
    write_rows(out, journal.rows())
    counts, errors = [], []
    for row in journal.rows():
        counts.append(len(row["faces"]))
        errors += [row["error"]] if "error" in row else []
    journal.path.unlink()
    typer.echo(f"{out}: {counted(sum(counts), 'face')} in {counted(len(counts), 'photo')}")
    if skipped:
        typer.echo(skipped_note(skipped), err=True)
    if without := counts.count(0) - len(errors):
        typer.echo(
            f"{counted(without, 'photo')} without a face: try a larger or upright version, with the whole head in it"
        )
    if errors:
        listed_errors = "\n".join(errors[:MAX_ERRORS])
        typer.echo(f"no answer for {counted(len(errors), 'photo')}:\n{listed_errors}", err=True)
        raise typer.Exit(1)
