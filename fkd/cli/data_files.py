"""fkd data: the competition's files, and others in their layout."""

from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from fkd.data.check import check
from fkd.data.held_out import export_test
from fkd.data.kaggle import download
from fkd.data.wild15 import PUBLISHED, build_wild15

app = typer.Typer()
data_app = typer.Typer(help="The data: check, download, export the test frames, build wild15.", no_args_is_help=True)
app.add_typer(data_app, name="data")


@data_app.command("check")
def check_command(
    folder: Annotated[Path, typer.Argument(help="Folder or zip of the competition's files.")],
) -> None:
    """Report what is in a training file: labels, conventions, duplicates, suspicious rows."""
    report = check(folder)
    typer.echo(f"{report.rows:,} rows, {report.complete_rows:,} complete")
    typer.echo(
        f"label conventions: {report.rows - report.four_point_rows:,} rows of the 15-point kind, "
        f"{report.four_point_rows:,} of the four-point kind"
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
    typer.echo(f"{download(folder)}")


@data_app.command("export-test")
def export_test_command(
    data: Annotated[Path, typer.Argument(help="Folder or zip of the competition's files.")],
    out: Annotated[Path, typer.Option(help="The folder to write.")],
) -> None:
    """Write the held-out tenth's frames, without labels, for `fkd score`: test.csv, IdLookupTable.csv and PNGs.

    Predictions for them can be made by any program; the frames stay under the terms of the data that they are from.
    """
    faces = export_test(data, out)
    values = np.isfinite(faces.points).sum()
    typer.echo(f"{out}: {len(faces):,} frames, of which {values:,} coordinates are wanted")


@data_app.command("build-wild15")
def build_wild15_command(
    w300: Annotated[Path, typer.Option("--w300", help="300-W, unpacked: afw, helen, lfpw with .pts of 68 points.")],
    youtube: Annotated[Path, typer.Option(help="YouTube Faces frames, with their two csv of 68 points.")],
    out: Annotated[Path, typer.Option(help="The folder to write.")],
) -> None:
    """Build the benchmark wild15 from its public sources, which have terms of their own: research use only."""
    built = build_wild15(w300, youtube, out)
    typer.echo(f"{out}: {built.training:,} training rows, {built.test:,} test images")
    for reason, count in built.left_out.items():
        typer.echo(f"{count:,} photos left out: {reason}")
    if built.fingerprint == PUBLISHED:
        typer.echo(f"fingerprint {built.fingerprint}: its held-out tenth is that of the published wild15")
    else:
        typer.echo(
            f"fingerprint {built.fingerprint}: its held-out tenth is not that of the published wild15 ({PUBLISHED}), "
            "so what is measured on it is not ranked there"
        )
