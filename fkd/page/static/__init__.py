"""The page as files for any static host: photos and the camera are answered in the visitor's browser.

`write_site` writes index.html, the engine with its models, the viewer, and an example that is answered already.
"""

import json
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from markdown_it import MarkdownIt

from fkd.board.entries import read_benchmarks, read_entries
from fkd.errors import FkdError
from fkd.learn.record import WEIGHTS
from fkd.page.detectors import folders_of, read_detectors
from fkd.page.engine import HERE as ENGINE
from fkd.page.engine import MAX_BYTES, is_small, write_engine
from fkd.page.model import describe
from fkd.page.plots import entry_colours
from fkd.page.ranking import HERE as PAGE
from fkd.page.ranking import TEMPLATES, Choice, ranked, ranking_html, tested
from fkd.page.social import CARD, DESCRIPTION, TITLE
from fkd.page.viewer import HERE as VIEWER
from fkd.page.viewer import view
from fkd.photo.comparison import compare
from fkd.photo.detector import Detector
from fkd.photo.reading import read_photo
from fkd.version import __version__

HERE = Path(__file__).parent
SHOWN = 2  # models that answer until a visitor chooses others: the smallest
SIDE = 1200  # px, longer side of the example


def write_site(
    out: Path, references: Sequence[str], leaderboard: Path, checkpoints: Path, example: Path, address: str = ""
) -> int:
    """Write the site into a folder, whole or not at all, and return its size in bytes.

    references: checkpoint folders or hf:user/repo, at most MAX_BYTES each. leaderboard: folder of the entries, and
    checkpoints: of those that they are of. example: a photo of a face. address: where the site will be, for the
    previews of links to it. Raises FkdError if `out` is in use, or a model is too large or not a checkpoint.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise FkdError(f"{out} already exists: choose another name, or delete it first")
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{out.name}-", dir=out.parent) as scratch:
        site = Path(scratch) / "site"
        _write(site, references, leaderboard, [*checkpoints.glob("*/")], example, address)
        site.chmod(0o755)
        site.replace(out)
    return _size(out)


def small_models(checkpoints: Path) -> list[str]:
    """List the checkpoint folders that a site can hold. Raises FkdError if there is none."""
    weights = sorted(checkpoints.glob(f"*/{WEIGHTS}"))
    small = [str(file.parent) for file in weights if file.stat().st_size <= MAX_BYTES]
    if not small:
        raise FkdError(f"{checkpoints} has no checkpoint of at most {MAX_BYTES / 1e6:.0f} MB: name one with --model")
    return small


def _write(
    site: Path, references: Sequence[str], leaderboard: Path, own: Sequence[Path], example: Path, address: str
) -> None:
    detectors = read_detectors(references)
    if large := [name for name, detector in detectors.items() if not is_small(detector)]:
        most = f"expected checkpoints of at most {MAX_BYTES / 1e6:.0f} MB"
        raise FkdError(f"{large[0]} is too large for a browser ({most}): name others with --model")
    models = write_engine(site / "engine", filter(is_small, detectors.values()))
    shutil.copytree(VIEWER, site / "viewer", ignore=shutil.ignore_patterns("*.py", "*.html", "__pycache__"))
    for file in (HERE / "static.js", HERE / "static.css", PAGE / "photos.js", PAGE / "ranking.js", CARD):
        shutil.copy(file, site / file.name)
    small = sorted(models, key=lambda model: model["bytes"])[:SHOWN]  # the first visit is over a slow line
    shown = [detectors[model["name"]] for model in models if model in small]
    picture = read_photo(example)
    picture.thumbnail((SIDE, SIDE))
    picture.save(site / "example.jpg", quality=85)
    first = view("example.jpg", compare(shown, picture), 0, zoomed=True, tested=tested(leaderboard, detectors))
    first["name"] = "example.jpg"
    rules = {"#viewer": VIEWER / "viewer.css", "#viewer ": VIEWER / "marks.css", ".board-of": PAGE / "ranking.css"}
    # Nested, as in the Gradio page.
    styles = [f"{part} {{ {path.read_text('utf-8')} }}" for part, path in rules.items()]
    text = TEMPLATES.get_template("static/index.html").render(
        title=TITLE, description=DESCRIPTION, address=address, card=f"{address}card.jpg",
        version=__version__, models=models,
        viewer=(VIEWER / "viewer.html").read_text("utf-8"), first=_data(first), shown=[each.name for each in shown],
        size=f"{(_size(site / 'engine') - sum(model['bytes'] for model in models if model not in small)) / 1e6:.0f} MB",
        styles="".join([*styles, (ENGINE / "live.css").read_text("utf-8")]),
        boards=_boards(leaderboard, [*own, *folders_of(detectors)], detectors), cards=map(_card, detectors.values()),
    )  # fmt: skip
    (site / "index.html").write_text(text, "utf-8")


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _data(value: Any) -> str:
    """Return a value as JSON that is safe in a script element."""
    return json.dumps(value).replace("<", "\\u003c")


def _boards(root: Path, folders: Sequence[Path], detectors: Mapping[str, Detector]) -> list[tuple[str, str]]:
    """The name of each benchmark with entries, and its ranking as HTML."""
    own = {each.sha256: name for name, each in detectors.items()}
    boards = []
    for benchmark in read_benchmarks(root):
        entries = read_entries(root, benchmark)
        rows = ranked(root, benchmark, folders, averaged=True)
        if entries.measured:
            about = f"{benchmark.faces:,} held-out faces. Lower is better."
            html = ranking_html(rows, Choice(averaged=True), own, entry_colours(entries.measured), about)
            boards.append((benchmark.name, html))
    return boards


def _card(detector: Detector) -> str:
    """Return a model's card as HTML; HTML in its Markdown is shown as text."""
    html: str = MarkdownIt("commonmark", {"html": False}).enable("table").render(describe(detector))
    return html.replace("<pre>", '<pre tabindex="0">')  # it scrolls: for the keyboard
