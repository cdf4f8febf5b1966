"""fkd export."""

from pathlib import Path
from typing import Annotated

import typer

from fkd.hub.reference import SCHEME, HubModel, checkpoint_folder
from fkd.photo.detectors.onnx_export import export_onnx

app = typer.Typer()


@app.command("export")
def export_command(
    checkpoint: Annotated[Path, typer.Argument(help="A checkpoint folder or hf:user/repo.")],
    onnx: Annotated[Path, typer.Option(help="The ONNX file to write.")],
    owner: Annotated[str, typer.Option(help="Its owner, shown with its answers; for a Hub model its user.")] = "",
) -> None:
    """Write a checkpoint as an ONNX file, once its answers have been compared with torch's."""
    reference = str(checkpoint)
    model = HubModel.parse(reference) if reference.startswith(SCHEME) else None
    if model:
        export_onnx(checkpoint_folder(reference), onnx, model.repo_id, owner or model.owner)
    else:
        export_onnx(checkpoint, onnx, owner=owner)
    typer.echo(f"{onnx}: {onnx.stat().st_size / 1e6:.1f} MB; `onnx:{onnx}` stands wherever a checkpoint does")
