"""The README, the documentation and the set-up files are true."""

import json
import re
import shlex
import tomllib
from pathlib import Path

import floor
import gradio
import pandas as pd
import paper
import pytest
import yaml
from ablation import summary
from huggingface_hub import ModelCard, RepoCard
from PIL import Image
from typer.main import get_command

from fkd.board.entries import find_benchmark, read_entries
from fkd.cli.commands import app
from fkd.version import __version__

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md"))]
PAGES += [ROOT / "benchmarks" / "README.md", ROOT / "examples" / "README.md"]
LONGEST_README = 7000  # bytes
every_page = pytest.mark.parametrize("path", PAGES, ids=lambda path: f"{path.parent.name}/{path.name}")


def test_the_spaces_front_matter_reads_by_the_hubs_own_parser():
    card = RepoCard.load(README, repo_type="space").data.to_dict()
    assert (card["sdk"], card["license"]) == ("gradio", "mit") and (ROOT / card["app_file"]).exists()
    assert card["sdk_version"] == gradio.__version__, "the Space runs the Gradio that the tests ran"
    assert f"gradio=={card['sdk_version']}" in (ROOT / "requirements.txt").read_text()
    assert len(card["short_description"]) <= 60
    python = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"].removeprefix(">=")
    assert [int(n) for n in card["python_version"].split(".")] >= [int(n) for n in python.split(".")]


def test_the_readme_is_short_and_its_python_runs(monkeypatch, capsys):
    text = README.read_text()
    assert len(text.encode()) <= LONGEST_README
    (code,) = re.findall(r"```python\n(.*?)```", text, re.S)
    monkeypatch.chdir(ROOT)
    exec(code, {})
    out = capsys.readouterr().out
    assert out.startswith("(") and out.count("\n") == 15, "expected one face: a box, and one line per point"


def test_the_python_of_the_documentation_runs(competition, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("fkd.board.measuring.robustness", lambda *given: {})  # takes half a minute
    competition.rename("facial-keypoints")
    Path("photo.jpg").symlink_to(ROOT / "examples" / "grace_hopper.jpg")
    Path("checkpoints").mkdir()
    Path("checkpoints/resnet18").symlink_to(ROOT / "checkpoints" / "resnet18")
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "python.md").read_text(), re.S)
    assert len(blocks) == 7 and all(block.count("\n") <= 10 for block in blocks)
    exec("\n".join(blocks), {})
    out = capsys.readouterr().out
    assert "(60, 96, 96) (60, 15, 2)" in out
    assert "mine on facial-keypoints: RMSE" in out and "resnet18" in out
    assert Image.open("faces.png").size == (8 * 192, 2 * 192) and Image.open("drawn.png").size == (512, 600)
    assert pd.read_csv("points.csv")["model"].tolist() == ["mine"] and "plotly" in Path("training.html").read_text()


@every_page
def test_every_command_exists_with_its_options(path):
    text = path.read_text().replace("\\\n", " ")
    for command in re.findall(r"(?:python|torchrun [^`#\n]*?) -m fkd ([^`#&\n]+)", text):
        node, words = get_command(app), shlex.split(command.replace('"', ""))
        while words and words[0] in getattr(node, "commands", {}):
            node = node.commands[words.pop(0)]
        assert not hasattr(node, "commands") or (node.invoke_without_command and not words), command
        options = {option for parameter in node.params for option in parameter.opts}
        assert {word for word in words if word.startswith("--")} <= options | {"--help"}, command
    for script, command in re.findall(r"python (benchmarks/\w+\.py)([^`#\n]*)", text):
        assert all(f'"{option}"' in (ROOT / script).read_text() for option in re.findall(r"--\w+", command)), command
    for target in re.findall(r"(?:^|`)make (\w+)", text, re.M):
        assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.M), target


@every_page
def test_every_link_and_every_file_named_exists(path):
    without_code = re.sub(r"`[^`\n]*`", "", without_blocks(path))
    for target in re.findall(r"\]\((?!\w+:)([^)\s]+)\)", without_code):
        file, _, anchor = target.partition("#")
        there = (path.parent / file).resolve() if file else path
        assert there.is_file() and there.is_relative_to(ROOT), f"{target}: no such file"
        assert not anchor or anchor in anchors(there), f"{target}: no such heading"
    named = re.findall(r"(?:`|^)((?:fkd|tests|docs|benchmarks)/[\w./-]+)", path.read_text(), re.M)
    assert all((ROOT / name).exists() for name in named if "NAME" not in name), named


def without_blocks(path: Path) -> str:
    """A Markdown file's text without its blocks of code, in which a # begins no heading."""
    return re.sub(r"^```.*?^```", "", path.read_text(), flags=re.S | re.M)


def anchors(path: Path) -> set[str]:
    """The anchors of a Markdown file's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", without_blocks(path), re.M)
    return {re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


def test_the_tables_hold_the_measured_figures():
    text, experiments = README.read_text(), (ROOT / "docs" / "experiments.md").read_text()
    benchmark, rows = find_benchmark(ROOT / "leaderboard", "wild15"), []
    for entry in read_entries(ROOT / "leaderboard", benchmark).measured:
        if not entry.held_out:  # of detectors from elsewhere, which have no rank
            continue
        result, cost = entry.accuracy, entry.cost
        single = f"`{entry.name.removesuffix('-mirror')}`"
        name = "ensemble of `resnet18` and `resnet50`" if entry.members > 1 else single
        rows.append(
            f"| {name}{', flip averaging' if entry.mirror else ''} | {result.rmse:.3f} ({result.rmse_low:.3f} to "
            f"{result.rmse_high:.3f}) | {result.figures['nme']:.2f} | {result.figures['failure_rate']:.1f}% | "
            f"{cost.parameters / 1e6:.1f} M | {cost.latency_ms:.1f} ms |"
        )
    assert sorted(rows) == sorted(re.findall(r"^\|.* ms \|$", text.replace("*", ""), re.M))
    measured_floor = floor.read_floor(ROOT / "benchmarks" / "floor.json")
    assert measured_floor.fingerprint == benchmark.fingerprint
    assert floor.as_printed(measured_floor) in (ROOT / "docs" / "benchmarks.md").read_text()
    assert paper.as_printed(json.loads((ROOT / "benchmarks" / "paper.json").read_text())["table"]) in experiments
    for path in (ROOT / "benchmarks").glob("ablation*.csv"):
        runs = summary(pd.read_csv(path)).reset_index(names="variant")
        assert paper.markdown(runs) in experiments, f"{path.name} and the table of docs/experiments.md differ"


def test_the_version_and_its_date_are_one():
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    newest = re.search(r"^## (.*)$", (ROOT / "CHANGELOG.md").read_text(), re.M)[1]
    assert (cited["version"], newest) == (__version__, f"{__version__} ({cited['date-released']})")


def test_model_cards_read_by_the_hubs_own_parser_and_name_the_terms():
    for path in (ROOT / "checkpoints").glob("*/config.json"):
        card = ModelCard.load(path.with_name("README.md"))
        assert card.data.to_dict()["pipeline_tag"] == "keypoint-detection" and "fkd" in card.data.tags
        assert "non-commercial" in card.text
