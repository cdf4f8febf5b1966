import json
import re
import shutil

from app import build_app
from fkd.board.entries import find_benchmark, write_entry
from fkd.board.record import read_evaluation
from fkd.files import markdown
from fkd.page.leaderboard import problems_text
from fkd.page.model import describe
from fkd.page.ranking import ranked
from fkd.photo.detectors.checkpoint import CheckpointDetector


def test_a_page_opens_despite_bad_files_and_its_ranking_names_them(evaluated, tmp_path):
    root = tmp_path / "leaderboard"
    board = root / "drawn"
    write_entry(root, read_evaluation(evaluated / "evaluation.json"), "drawn faces")
    forged = json.loads((board / "net.json").read_text()) | {"name": "forged", "weights": ["0" * 64]}
    (root / "broken").mkdir()
    for name, text in {
        "drawn/forged.json": json.dumps(forged), "drawn/x.json": '{"x": 1}',
        "broken/benchmark.json": "{", "claims.json": "[]",
    }.items():  # fmt: skip
        (root / name).write_text(text)
    build_app(checkpoints=evaluated.parent, leaderboard=root)
    ranking = [row.record() for row in ranked(root, find_benchmark(root, "drawn"), [evaluated])]
    rows = {row["model"]: row for row in ranking}
    assert {name: (row["rank"], row["status"]) for name, row in rows.items()} == {
        "net": (1, "verified"), "forged": (None, "not verified"), "x": (None, "unreadable"),
    }  # fmt: skip
    assert "its checkpoint (000000000000) is not in the folder" in rows["forged"]["unranked"]
    assert "name: Field required" in rows["x"]["unranked"]
    problems = problems_text(root)
    assert all(name in problems for name in ("broken/benchmark.json", "claims.json"))
    assert str(tmp_path) not in f"{problems}{rows}", "visitors do not see the host's paths"


def test_a_model_with_unreadable_records_still_has_its_tab(evaluated, tmp_path):
    folder = shutil.copytree(evaluated, tmp_path / "net")
    detector = CheckpointDetector.read(folder)
    assert "9216-500-30" in describe(detector)
    (folder / "evaluation.json").write_text('{"x": 1}')
    card = describe(detector)
    assert "Its records cannot be read" in card and "name: Field required" in card
    assert str(tmp_path) not in card


def test_text_by_strangers_is_no_markdown():
    text = "![x](http://a.b/c.png) <img src=x> [y](z) www.a.b e@a.b `c` **d** a_b | ~e~ &lt;\n# f"
    escaped = markdown(text)
    assert re.sub(r"\\(?=[!-/:-@[-`{-~])", "", escaped) == text.replace("\n", " "), "it is shown as it is"
    assert not re.search(r"(?<!\\)[][<>`*_|~&#!@]|https?://|www\.", escaped)
    assert markdown("fcnn and net-2 (a) differ by 3.5%; 1.0") == "fcnn and net-2 (a) differ by 3.5%; 1.0"
