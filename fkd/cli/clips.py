"""fkd track, frames and adapt."""

import itertools
import time
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from fkd.cli.options import DATA, Overwrite, check_free, folder_to_write, local, resumable, to_write

CHECKPOINTS = "A checkpoint folder, hf:user/repo or kind:FILE; a second one shows where they disagree."
EXPORT = "Tracks for another program, by the ending: Blender's .py, After Effects' .jsx, Nuke's .nk, Maya's .ma."
ACTOR = "The profile: a folder with an actor's pictures and points, as `fkd frames` writes it."
FORM = "Of a new profile's points: fkd's csv, DeepLabCut's, or a text for each picture."


def track_command(
    clips: Annotated[list[Path], typer.Argument(help="Clips: MP4, MOV, MKV, WebM, AVI, MXF and others.")],
    checkpoint: Annotated[list[str], typer.Option(help=CHECKPOINTS)],
    out: Annotated[Path, typer.Option(callback=to_write, help="Where the points go: a .json, .csv or .parquet file.")],
    export: Annotated[list[Path] | None, typer.Option(help=EXPORT)] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue a run that was stopped.")] = False,
    overwrite: Overwrite = False,
) -> None:
    """Follow the faces in clips: their keypoints in each frame, as answered and smoothed, in pixels of the frame."""
    from tqdm import tqdm

    from fkd.clip.exports import check_export, write_export
    from fkd.clip.track_files import write_tracks
    from fkd.clip.tracking import track
    from fkd.clip.video import read_clip
    from fkd.hub.reference import load
    from fkd.photo.point_files import Journal

    part = out.with_name(f"{out.name}.part")
    if resume and out.exists() and not part.exists():
        typer.echo(f"{out} already exists; nothing to resume")
        return
    exports = {clip: [_of_clip(each, clip, clips) for each in export or ()] for clip in clips}
    for path in (out, *itertools.chain.from_iterable(exports.values())):
        check_free(path, overwrite or resume)
    for path in itertools.chain.from_iterable(exports.values()):
        check_export(to_write(path) or path)
    for clip in clips:
        read_clip(local(clip) or clip)  # raises now, not after hours
    detectors = [load(each) for each in checkpoint]
    if overwrite and not resume:
        part.unlink(missing_ok=True)
    settings = {"models": [[detector.name, detector.sha256] for detector in detectors]}
    journal, tracked = Journal(out, settings, resume), []
    with resumable(journal.path):
        for clip in clips:
            with tqdm(desc=clip.name, unit=" frames", disable=None) as bar:
                start = time.perf_counter()
                tracked.append(track(clip, detectors, partial(_show, bar), journal))
            _report(tracked[-1], time.perf_counter() - start)
    write_tracks(out, tracked)
    for each in tracked:
        for path in exports[each.clip.path]:
            write_export(path, each)
    journal.path.unlink()


def _of_clip(export: Path, clip: Path, clips: list[Path]) -> Path:
    """The file that a clip is exported to: with the clip's name in it if there are several."""
    return export if len(clips) == 1 else export.with_name(f"{clip.stem}-{export.name}")


def _show(bar: Any, done: int, stated: int) -> None:
    bar.total = max(done, stated)
    bar.update(done - bar.n)


def _report(tracked: Any, seconds: float) -> None:
    """Print the number of frames, each model's jitter and the difference between models."""
    from fkd.clip.tracks import difference, jitter
    from fkd.files import counted

    clip, tracks = tracked.clip, tracked.tracks
    frames, faces = len(clip.times), counted(len({track.face for track in tracks}), "face")
    of = f" of {clip.stated:,} that it states" if clip.stated not in (0, frames) else ""
    damaged = f", {clip.corrupt.sum():,} of them damaged" if clip.corrupt.any() else ""
    typer.echo(f"{clip.path}: {counted(frames, 'frame')}{of}{damaged}, {faces}, {frames / seconds:.1f} frames/s")
    for track in tracks:
        raw, smooth = jitter(track)
        steady = f"{raw:.3f}% of the eye distance, {smooth:.3f}% smoothed" if raw == raw else "unknown: never still"
        typer.echo(f"  face {track.face}, {track.model}: jitter {steady}")
    for track, other in itertools.combinations(tracks, 2):
        if track.face == other.face:
            away = f"differ by {difference(track, other):.2f}% of the eye distance"
            typer.echo(f"  face {track.face}, {track.model} and {other.model}: {away}")


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
    from fkd.clip.profile import points_file, read_profile
    from fkd.clip.tracking import track
    from fkd.clip.video import read_clip
    from fkd.files import counted
    from fkd.hub.reference import load

    if points_file(out):
        read_profile(out)  # raises now, not after hours
    for clip in clips:
        read_clip(local(clip) or clip)
    detectors, tracked = [load(each) for each in checkpoint], []
    for clip in clips:
        with tqdm(desc=clip.name, unit=" frames", disable=None) as bar:
            tracked.append(track(clip, detectors, partial(_show, bar)))
    added = add_frames(out, tracked, detectors[0], region, count, form)
    left = f"{counted(added.absent, 'frame')} without the face or damaged, and {added.blurred:,} blurred"
    typer.echo(
        f"{out}: {counted(len(added.pictures), 'frame')} to mark (left out: {left}); no other is farther than "
        f"{added.radius:.2f} px of the 96 px frame from a marked one\nnext: correct the points in {out}, then "
        f"`fkd adapt {out} --checkpoint {checkpoint[0]} --out checkpoints/actor`"
    )


def adapt_command(
    profile: Annotated[Path, typer.Argument(callback=local, help=ACTOR)],
    checkpoint: Annotated[str, typer.Option(help="The checkpoint to start from: a folder or hf:user/repo.")],
    out: Annotated[Path, typer.Option(callback=folder_to_write, help="The checkpoint folder to write.")],
    data: Annotated[Path | None, typer.Option(callback=local, help=f"Learn general faces, too. {DATA}")] = None,
) -> None:
    """Fine-tune a checkpoint on an actor's corrected frames; keeps it only if it is better on every fifth of them."""
    from fkd.clip.adapt import adapt
    from fkd.errors import FkdError
    from fkd.hub.reference import checkpoint_folder

    done = adapt(profile, checkpoint_folder(checkpoint), out, data)
    low, high = done.gain
    found = (
        f"{done.frames} frames, {done.held_back} of them held back: RMSE there {done.before:.3f} px before, "
        f"{done.after:.3f} px after (95% interval of the gain {low:.3f} to {high:.3f} px, of the 96 px frame)"
    )
    if not done.kept:
        raise FkdError(f"{found}: not better for certain, so nothing is written; check the points, or mark more frames")
    typer.echo(f"{found}\nsaved in {out}\nnext: `fkd track CLIP --checkpoint {out} --out points.csv`")
