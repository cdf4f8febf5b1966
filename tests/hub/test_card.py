import dataclasses

from huggingface_hub import ModelCard

from fkd.board.record import read_evaluation
from fkd.hub.card import model_card
from fkd.learn.checkpoint import load_checkpoint
from fkd.metrics import METRICS


def test_every_metric_is_in_the_table_and_in_the_front_matter(evaluated):
    card = model_card(load_checkpoint(evaluated), read_evaluation(evaluated / "evaluation.json"))
    for row in ("RMSE: root mean squared error", "mean error: mean point error", "failures: faces with a mean error"):
        assert f"| {row}" in card
    for value in ("| 2.500 px |", "| 5.00% |", "| 0.00% |"):
        assert value in card
    assert [result.metric_type for result in ModelCard(card).data.eval_results] == [metric.key for metric in METRICS]


def test_a_card_without_a_face_that_has_both_eyes_labelled_shows_no_nme(evaluated):
    evaluation = read_evaluation(evaluated / "evaluation.json")
    figures = evaluation.accuracy.figures | {"nme": None, "failure_rate": None}
    without = dataclasses.replace(evaluation.accuracy, figures=figures, nme_faces=0)
    card = model_card(load_checkpoint(evaluated), dataclasses.replace(evaluation, accuracy=without))
    assert "(0 with both eyes labelled)" in card and "inter-ocular distance | - |" in card
    assert [result.metric_type for result in ModelCard(card).data.eval_results] == ["rmse"]
