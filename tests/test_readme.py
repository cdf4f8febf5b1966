"""What the README and the set-up files say must hold."""

import json
import re
import tomllib
from pathlib import Path

import gradio
import pandas as pd
import paper
import yaml
from ablation import summary
from huggingface_hub import ModelCard, RepoCard

from fkd import __version__
from fkd.entries import read_benchmarks, read_entries

ROOT = Path(__file__).parent.parent


def test_the_spaces_front_matter_reads_by_the_hubs_own_parser():
    card = RepoCard.load(ROOT / "README.md", repo_type="space").data.to_dict()
    assert card["sdk"] == "gradio" and (ROOT / card["app_file"]).exists()
    assert card["sdk_version"] == gradio.__version__, "the Space runs the Gradio that the tests ran"
    assert f"gradio=={card['sdk_version']}" in (ROOT / "requirements.txt").read_text()
    assert len(card["short_description"]) <= 60
    python = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"].removeprefix(">=")
    assert [int(n) for n in card["python_version"].split(".")] >= [int(n) for n in python.split(".")]
    assert card["license"] == "mit"


def test_every_command_of_the_readme_exists():
    text = (ROOT / "README.md").read_text()
    commands = (ROOT / "fkd" / "__main__.py").read_text() + (ROOT / "fkd" / "online.py").read_text()
    for command in set(re.findall(r"python -m fkd (\w+)", text)):
        assert f'@app.command("{command}")' in commands or f'name="{command}"' in commands
    for target in set(re.findall(r"^make (\w+)", text, re.M)):
        assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.M), target


def test_the_tables_hold_what_was_measured():
    text = (ROOT / "README.md").read_text()
    (benchmark,) = (one for one in read_benchmarks(ROOT / "leaderboard") if one.name == "wild15")
    for entry in read_entries(ROOT / "leaderboard", benchmark).measured:
        result, cost = entry.accuracy, entry.cost
        assert (
            f"{result.rmse:.3f} ({result.rmse_low:.3f} to {result.rmse_high:.3f}) | {result.nme:.2f} | "
            f"{result.failure_rate:.1f}% | {cost.parameters / 1e6:.1f} M | {cost.latency_ms:.1f} ms |"
        ) in text.replace("*", ""), entry.name
    assert paper.as_printed(json.loads((ROOT / "benchmarks" / "paper.json").read_text())["table"]) in text
    tables = list((ROOT / "benchmarks").glob("ablation*.csv"))
    assert tables
    for path in tables:
        runs = summary(pd.read_csv(path)).reset_index(names="variant")
        assert paper.markdown(runs) in text, f"{path.name} and README's table differ"


def test_the_version_is_one():
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"] == __version__
    assert f"## {__version__}" in (ROOT / "CHANGELOG.md").read_text()


def test_model_cards_read_by_the_hubs_own_parser_and_name_the_terms():
    cards = list((ROOT / "checkpoints").glob("*/README.md"))
    assert len(cards) == len(list((ROOT / "checkpoints").glob("*/config.json")))
    for path in cards:
        card = ModelCard.load(path)
        assert card.data.to_dict()["pipeline_tag"] == "keypoint-detection" and "fkd" in card.data.tags
        assert "non-commercial" in card.text
