"""Who may import whom, and which outside library lives in which room."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MAY_IMPORT = {
    "keypoints": set(),
    "loss": set(),
    "crop": set(),
    "files": set(),
    "faces": {"crop"},
    "data": {"files", "keypoints", "zips"},
    "split": {"data"},
    "check": {"data", "keypoints", "split"},
    "augment": {"keypoints"},
    "heatmap": {"keypoints"},
    "export": {"files", "keypoints"},
    "models": {"files", "heatmap", "keypoints"},
    "draw": {"keypoints"},
    "evaluate": {"files", "keypoints"},
    "verified": {"checkpoint", "evaluate", "keypoints"},
    "entries": {"evaluate", "files"},
    "leaderboard": {"checkpoint", "entries", "evaluate", "keypoints", "verified"},
    "checkpoint": {"files", "models"},
    "resume": {"checkpoint", "files"},
    "train": {"augment", "checkpoint", "data", "evaluate", "files", "heatmap", "loss", "models", "resume", "split"},
    "photo_file": {"files"},
    "predict": {"checkpoint", "crop", "faces", "heatmap", "keypoints", "models", "photo_file"},
    "zips": {"files"},
    "batch": {"checkpoint", "files", "photo_file", "predict", "zips"},
    "compare": {"checkpoint", "faces", "keypoints", "predict"},
    "submission": {"data", "evaluate", "files", "keypoints", "models"},
    "card": {"checkpoint", "evaluate", "models"},
    "hub": {"checkpoint", "files", "header"},
    "deploy": {"entries", "files", "hub", "known"},
    "sync": {"entries", "files", "header", "hub", "models"},
    "publication": {"card", "checkpoint", "draw", "evaluate", "photo_file", "predict"},
    "robustness": {"augment", "data", "evaluate", "keypoints"},
    "benchmark": {"checkpoint", "data", "entries", "evaluate", "robustness", "split", "verified"},
    "page.compare": {
        "checkpoint",
        "compare",
        "draw",
        "export",
        "faces",
        "page.guard",
        "page.uploads",
        "page.viewer",
        "page.visitors",
        "photo_file",
    },
    "page.visitors": {"checkpoint", "hub"},
    "page.batch": {"batch", "checkpoint", "draw", "export", "keypoints", "page.guard", "page.uploads", "photo_file"},
    "page.model": {"card", "checkpoint", "draw", "evaluate", "page.address", "page.figures", "page.guard", "plots"},
    "page.live": {"checkpoint", "draw", "page.guard", "photo_file", "predict"},
    "page.api": {"checkpoint", "compare", "entries", "known", "leaderboard", "page.guard", "photo_file", "predict"},
    "page.viewer": {"keypoints"},
    "page.address": set(),
    "page.uploads": set(),
    "page.guard": {"checkpoint", "page.uploads"},
    "page.words": set(),
    "page.figures": {
        "checkpoint",
        "draw",
        "entries",
        "evaluate",
        "files",
        "leaderboard",
        "page.words",
        "plots",
        "robustness",
    },
    "page.leaderboard": {
        "entries",
        "known",
        "leaderboard",
        "page.address",
        "page.figures",
        "page.uploads",
        "page.words",
        "sync",
    },
    "plots": {"evaluate", "keypoints", "robustness"},
    "header": {"checkpoint", "files", "models"},
    "known": {"checkpoint", "evaluate", "files", "hub"},
}
ROOMS = {
    "gradio": {
        "app",
        "page.api",
        "page.live",
        "page.viewer",
        "page.batch",
        "page.model",
        "page.compare",
        "page.figures",
        "page.leaderboard",
        "page.guard",
    },
    "timm": {"models", "train"},
    "filelock": {"resume", "page.uploads"},
    "plotly": {"plots"},
    "dlib": {"faces"},
    "pillow_heif": {"photo_file"},
    "huggingface_hub": {"header", "hub", "card", "publication", "sync", "deploy"},
}


def imports(path: Path) -> set[str]:
    """Every module that a file imports, whole names."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name} has a relative import"
            found |= {f"{node.module}.{alias.name}" for alias in node.names} | {node.module}
    return found


FILES = {path.stem: path for path in [*(ROOT / "fkd").glob("*.py"), ROOT / "app.py"] if path.stem != "__init__"}
FILES |= {f"page.{path.stem}": path for path in (ROOT / "fkd" / "page").glob("*.py") if path.stem != "__init__"}
FILES["page.viewer"] = ROOT / "fkd" / "page" / "viewer" / "__init__.py"


@pytest.mark.parametrize("name", sorted(FILES))
def test_import_direction(name):
    assert name in MAY_IMPORT or name in ("app", "__main__", "online"), (
        f"say in this test what fkd/{name}.py may import"
    )
    inside = {module.removeprefix("fkd.") for module in imports(FILES[name]) if module.startswith("fkd.")}
    ours = {file for file in FILES if any(module == file or module.startswith(f"{file}.") for module in inside)}
    if name in MAY_IMPORT:
        assert ours <= MAY_IMPORT[name]
    outside = {module.split(".")[0] for module in imports(FILES[name])}
    for library, rooms in ROOMS.items():
        assert library not in outside or name in rooms, f"{library} belongs in {rooms}"


def test_training_and_evaluation_need_neither_gradio_nor_plotly_nor_a_face_detector():
    code = "import sys, fkd.__main__; print([m for m in ('gradio', 'plotly', 'dlib', 'cv2') if m in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
