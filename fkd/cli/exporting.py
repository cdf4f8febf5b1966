"""fkd export."""

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
) -> None:
    """Write a checkpoint as an ONNX file, once its answers have been compared with torch's."""
    export_onnx(load_trained(checkpoint), onnx)
    typer.echo(f"{onnx}: {onnx.stat().st_size / 1e6:.1f} MB; `onnx:{onnx}` stands wherever a checkpoint does")
