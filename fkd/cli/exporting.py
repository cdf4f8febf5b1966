"""fkd export."""

import dataclasses
from pathlib import Path
from typing import Annotated

import typer

from fkd.hub.reference import load_trained
from fkd.photo.detectors.onnx_export import export_onnx

app = typer.Typer()


@app.command("export")
def export_command(
    checkpoint: Annotated[Path, typer.Argument(help="A checkpoint folder or hf:user/repo.")],
    onnx: Annotated[Path, typer.Option(help="The ONNX file to write.")],
    owner: Annotated[str, typer.Option(help="Whose it is, shown beside its answers; a Hub model's user.")] = "",
) -> None:
    """Write a checkpoint as an ONNX file, once its answers have been compared with torch's."""
    detector = load_trained(checkpoint)
    export_onnx(dataclasses.replace(detector, owner=owner or detector.owner), onnx)
    typer.echo(f"{onnx}: {onnx.stat().st_size / 1e6:.1f} MB; `onnx:{onnx}` stands wherever a checkpoint does")
