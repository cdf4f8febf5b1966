import asyncio
import json

import gradio as gr
import pytest

from app import build_app
from fkd.board.entries import find_benchmark, read_entries, write_entry
from fkd.board.record import read_evaluation
from fkd.page.leaderboard import LeaderboardTab, problems_text
from fkd.page.model import describe
from fkd.page.plots import draw
from fkd.page.ranking import Choice
from fkd.photo.detectors.checkpoint import CheckpointDetector


@pytest.fixture
def board(tmp_path, evaluated):
    root = tmp_path / "leaderboard"
    write_entry(root, read_evaluation(evaluated / "evaluation.json"), "drawn faces")
    return root


def test_a_page_opens_despite_bad_files_and_its_api_names_them(board, evaluated, tmp_path):
    genuine = json.loads((board / "drawn" / "net.json").read_text())
    forged = genuine | {"name": "forged", "weights": ["0" * 64]}
    (board / "drawn" / "forged.json").write_text(json.dumps(forged))
    (board / "drawn" / "x.json").write_text('{"x": 1}')
    (board / "drawn" / "published.json").write_text('[{"private": 1}]')
    (board / "broken").mkdir()
    (board / "broken" / "benchmark.json").write_text("{")
    (board / "claims.json").write_text("[]")
    page = build_app(checkpoints=evaluated.parent, leaderboard=board)
    (rank,) = (one.fn for one in page.fns.values() if one.api_name == "leaderboard")
    rows = {row["model"]: row for row in asyncio.run(rank("drawn"))}
    assert rows["net"]["rank"] == 1 and rows["net"]["status"] == "verified"
    assert rows["forged"]["rank"] is None and rows["forged"]["status"] == "not verified"
    assert "its checkpoint (000000000000) is missing" in rows["forged"]["unranked"]
    assert rows["x"]["status"] == "unreadable" and "lacks name" in rows["x"]["unranked"]
    problems = problems_text(board)
    assert all(name in problems for name in ("broken/benchmark.json", "drawn/published.json", "claims.json"))
    assert str(tmp_path) not in f"{problems}{rows}", "visitors do not see the host's paths"
    drawn = draw(read_entries(board, find_benchmark(board, "drawn")).measured, ["net", "forged"])
    assert len(drawn) == 4 and all(drawn)
    (board / "drawn" / "net.json").unlink()
    (board / "drawn" / "forged.json").unlink()
    with gr.Blocks() as page, gr.Tab() as tab:
        leaderboard = LeaderboardTab(board, {"net": evaluated}, page, tab)
    shown = leaderboard._show(Choice("drawn", status=["unreadable"]))
    assert "10 held-out faces" in shown[leaderboard.about] and "lacks name" in shown[leaderboard.table]


def test_a_model_with_unreadable_records_still_has_its_tab(evaluated, tmp_path):
    folder = tmp_path / "net"
    folder.mkdir()
    for path in evaluated.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    detector = CheckpointDetector.read(folder)
    card, ellipses, curves = describe(detector)
    assert "9216-500-30" in card and ellipses and curves
    (folder / "evaluation.json").write_text('{"x": 1}')
    (folder / "history.csv").write_text("epoch\nbest\n")
    card, ellipses, curves = describe(detector)
    assert "Its records cannot be read" in card and "lacks name" in card
    assert not ellipses and not curves and str(tmp_path) not in card
