"""fkd frames."""

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from fkd.cli.options import folder_to_write, local

CHECKPOINTS = "A checkpoint folder, hf:user/repo or kind:FILE; a second one shows where they disagree."
FORM = "Of a new profile's points: fkd's csv, DeepLabCut's, or a text for each picture."


def frames_command(
    clips: Annotated[list[Path], typer.Argument(help="Clips of one actor.")],
    checkpoint: Annotated[
        list[str],
        typer.Option(help=CHECKPOINTS),
    ],
    out: Annotated[Path, typer.Option(callback=folder_to_write, help="The profile to write, or to add to.")],
    region: Annotated[Literal["brows", "eyes", "mouth", "all"], typer.Option(help="The points to mark.")] = "all",
    count: Annotated[int, typer.Option(min=1, help="Frames to add at most.")] = 25,
    form: Annotated[Literal["fkd", "deeplabcut", "txt"], typer.Option("--format", help=FORM)] = "fkd",
) -> None:
    """Choose the frames of clips that are worth marking by hand, with the points to correct."""
    from tqdm import tqdm

    from fkd.clip.frames import add_frames
    from fkd.clip.tracking import track
    from fkd.files import counted
    from fkd.hub.reference import load

    for clip in clips:
        local(clip)
    detectors, tracked = [load(each) for each in checkpoint], []
    for clip in clips:
        with tqdm(desc=clip.name, unit=" frames", disable=None) as bar:

            def progress(done: int, stated: int, bar: Any = bar) -> None:
                bar.total = max(done, stated)
                bar.update(done - bar.n)

            tracked.append(track(clip, detectors, progress))
    added = add_frames(out, tracked, detectors[0], region, count, form)
    left = f"{counted(added.absent, 'frame')} without the face or damaged, and {added.blurred:,} blurred"
    typer.echo(
        f"{out}: {counted(len(added.pictures), 'frame')} to mark (left out: {left}); no other is farther than "
        f"{added.radius:.2f} px of the 96 px frame from a marked one\nnext: correct the points in {out}, then "
        f"`fkd adapt {out} --checkpoint {checkpoint[0]} --out checkpoints/actor`"
    )
