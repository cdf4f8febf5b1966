import json
import math
import sys

import paper


def test_the_script_writes_the_table_and_the_curves(competition, tmp_path, monkeypatch, capsys):
    out = tmp_path / "paper.json"
    monkeypatch.setattr(
        sys, "argv", ["paper.py", "--data", str(competition), "--epochs", "2", "--models", "FCNN", "--out", str(out)]
    )
    paper.main()
    result = json.loads(out.read_text())
    (row,) = result["table"]
    assert row["model"] == "FCNN" and "(complete)" in row["trained on"]
    assert row["published"] == 5.60 and row["epochs"] == 2
    assert [point["epoch"] for point in result["curves"]["FCNN"]] == [1, 2]
    best = min(point["validation_rmse"] for point in result["curves"]["FCNN"])
    assert row["validation_rmse"] == best and math.isfinite(row["test_all"]) and math.isfinite(row["test_complete"])
    assert "FCNN" in capsys.readouterr().out
