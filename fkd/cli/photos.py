"""fkd predict."""

from pathlib import Path
from typing import Annotated

import typer
from tqdm import tqdm

from fkd.files import replacing, write_json
from fkd.hub.reference import load
from fkd.photo.draw import draw_points
from fkd.photo.predict import predict
from fkd.photo.reading import list_photos, read_photo

app = typer.Typer()


@app.command("predict")
def predict_command(
    photos: Annotated[list[Path], typer.Argument(help="Photos, or folders of photos.")],
    checkpoint: Annotated[Path, typer.Option(help="A checkpoint folder, hf:user/repo or onnx:FILE.")],
    json_file: Annotated[Path, typer.Option("--json", help="Where the points go.")],
    draw: Annotated[Path | None, typer.Option(help="A folder for the photos with the points drawn.")] = None,
) -> None:
    """Find the faces in photos and their keypoints, in pixels of the upright photo."""
    detector = load(checkpoint)
    paths = list_photos(photos)
    if draw and len({path.stem for path in paths}) < len(paths):
        raise ValueError("--draw: two of the photos have the same name, so one drawing would replace the other")
    answers, failures = [], []
    for path in tqdm(paths, unit="photo", disable=None):
        try:
            photo = read_photo(path)
        except ValueError as error:
            failures.append(str(error))
            continue
        faces = predict(detector, photo)
        answers.append({"photo": str(path), "faces": [face.to_json() for face in faces]})
        if draw:
            with replacing(draw / f"{path.stem}.png") as unfinished:
                draw_points(photo, [face.points for face in faces], detector.colour).save(unfinished)
    write_json(json_file, answers)
    count = sum(len(answer["faces"]) for answer in answers)
    typer.echo(f"{json_file}: {count} face(s) in {len(answers)} photo(s)")
    if failures:
        typer.echo("not read:\n" + "\n".join(failures), err=True)
        raise typer.Exit(1)
