"""fkd data: check, download and export the competition's files."""

from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from fkd.data.check import check
from fkd.data.conventions import SIGNIFICANCE
from fkd.data.held_out import export_test
from fkd.data.kaggle import download

app = typer.Typer()
MAX_DETAILS = 5  # rows listed for each kind of finding
data_app = typer.Typer(help="The data: check, download, export the test frames.", no_args_is_help=True)
app.add_typer(data_app, name="data")


@data_app.command("check")
def check_command(
    folder: Annotated[Path, typer.Argument(help="Folder or zip of the competition's files.")],
) -> None:
    """Report on the files: labels, conventions, duplicates, suspicious rows, missing files.

    Rows are numbered from 1. Findings do not change the exit status.
    """
    report = check(folder)
    typer.echo(f"training: {report.rows:,} rows, {report.complete_rows:,} complete")
    for name, count in report.labels.items():
        typer.echo(f"  {name:26} {count:6,} labels")
    typer.echo(
        f"label conventions: {len(report.conventions.values)}, that of photos first (changes of the lip gap along the "
        f"file: Pettitt's test, p < {SIGNIFICANCE:g})"
    )
    for number, convention in enumerate(report.conventions.values):
        rows = np.flatnonzero(report.conventions.rows == number) + 1
        gap = "" if convention.lip_gap is None else f", lips {100 * convention.lip_gap:.0f}% of the eye distance apart"
        typer.echo(f"  {convention.name:26} {len(rows):6,} rows, from {rows[0]:,} to {rows[-1]:,}{gap}")
    typer.echo(f"{report.exact_duplicates:,} exact duplicates")
    typer.echo(f"{report.rows_in_groups:,} rows in {report.look_alike_groups:,} groups of look-alikes")
    if report.test_images is not None:
        typer.echo(f"test: {report.test_images:,} images")
    if report.values is not None:
        typer.echo(f"lookup table: {report.values:,} values requested")
    for problem in report.problems:
        typer.echo(f"problem: {problem}")
    suspicious = {row for finding in report.findings for row in finding.rows}
    typer.echo(f"{len(suspicious):,} suspicious rows")
    for finding in report.findings:
        typer.echo(f"  {finding.kind}: {len(finding.rows):,} {'row' if len(finding.rows) == 1 else 'rows'}")
        for row, details in [*finding.rows.items()][:MAX_DETAILS]:
            typer.echo(f"    row {row}" + (f": {details}" if details else ""))
        if len(finding.rows) > MAX_DETAILS:
            typer.echo(f"    and {len(finding.rows) - MAX_DETAILS:,} more")


@data_app.command("download")
def download_command(folder: Annotated[Path, typer.Argument(help="Folder to download into.")]) -> None:
    """Download the competition's files from Kaggle (needs an account and its rules accepted)."""
    typer.echo(f"{download(folder)}")


@data_app.command("export-test")
def export_test_command(
    data: Annotated[Path, typer.Argument(help="Folder or zip of the competition's files.")],
    out: Annotated[Path, typer.Option(help="The folder to write.")],
) -> None:
    """Write the held-out tenth's frames, without labels, for `fkd score`: test.csv, IdLookupTable.csv and PNGs.

    Any program can predict their keypoints. The terms of the original data apply to the frames.
    """
    faces = export_test(data, out)
    values = np.isfinite(faces.points).sum()
    typer.echo(f"{out}: {len(faces):,} frames, {values:,} coordinates requested")
