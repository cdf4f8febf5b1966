"""fkd data: check the competition's files."""

import typer

from fkd.cli.options import Data

MAX_DETAILS = 5  # rows listed for each kind of finding
app = typer.Typer(help="The data: check it.", no_args_is_help=True)


@app.command("check")
def check_command(data: Data) -> None:
    """Report on the files: labels, conventions, duplicates, suspicious rows, missing files.

    Rows are numbered from 1. Findings do not change the exit status.
    """
    import numpy as np

    from fkd.data.check import check
    from fkd.data.conventions import SIGNIFICANCE

    typer.echo(f"reading {data}")
    report = check(data)
    lines = [
        f"training: {report.rows:,} rows, {report.complete_rows:,} complete "
        f"({report.complete_rows / max(1, report.rows):.0%})",
        *(f"  {name:26} {count:6,} labels" for name, count in report.labels.items()),
        f"label conventions: {len(report.conventions.values)}, that of photos first (changes of the lip gap along the "
        f"file: Pettitt's test, p < {SIGNIFICANCE:g})",
    ]
    for number, convention in enumerate(report.conventions.values):
        rows = np.flatnonzero(report.conventions.rows == number) + 1
        gap = "" if convention.lip_gap is None else f", lips {100 * convention.lip_gap:.0f}% of the eye distance apart"
        lines.append(f"  {convention.name:26} {len(rows):6,} rows, from {rows[0]:,} to {rows[-1]:,}{gap}")
    lines.append(f"{report.exact_duplicates:,} exact duplicates")
    lines.append(f"{report.rows_in_groups:,} rows in {report.look_alike_groups:,} groups of look-alikes")
    if report.test_images is not None:
        lines.append(f"test: {report.test_images:,} images")
    if report.values is not None:
        lines.append(f"lookup table: {report.values:,} values requested")
    lines += [f"problem: {problem}" for problem in report.problems]
    lines.append(f"{len({row for finding in report.findings for row in finding.rows}):,} suspicious rows")
    for finding in report.findings:
        lines.append(f"  {finding.kind}: {len(finding.rows):,} {'row' if len(finding.rows) == 1 else 'rows'}")
        details = [f"    row {row}" + (f": {text}" if text else "") for row, text in finding.rows.items()]
        lines += details[:MAX_DETAILS]
        if len(details) > MAX_DETAILS:
            lines.append(f"    and {len(details) - MAX_DETAILS:,} more")
    lines.append(f"next: `fkd train --data {data} --out checkpoints/mine`; nothing has to be cleaned")
    typer.echo("\n".join(lines))
