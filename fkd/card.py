"""A model card from a checkpoint's own records: every figure in it is one of the evaluation's."""

from fkd.checkpoint import Checkpoint
from fkd.evaluate import Evaluation
from fkd.models import FCNN

WHAT = {
    FCNN: "A fully connected network, 9216-500-30: the paper's baseline.",
}
HEADS = {
    "regression": "and one linear layer on its last feature map.",
    "heatmap": (
        "and a heatmap for each point from the maps of all its stages, fused at the finest; the answer is the"
        " heatmap's mean place."
    ),
}


def model_card(checkpoint: Checkpoint, evaluation: Evaluation) -> str:
    """Markdown with the Hub's front matter, for the checkpoint's README.md.

    Raises ValueError if the checkpoint's record of its training lacks what a card needs.
    """
    try:
        return _card(checkpoint, evaluation)
    except KeyError as error:
        raise ValueError(f"{checkpoint.name}/config.json lacks {error}, which the model card needs") from None


def _card(checkpoint: Checkpoint, evaluation: Evaluation) -> str:
    training, data, result, cost = checkpoint.training, checkpoint.data, evaluation.accuracy, evaluation.cost
    name, config = checkpoint.name, checkpoint.model.config
    network = f"timm's {config.name} for one grey channel, from random weights, {HEADS[config.head]}"
    what = WHAT.get(config.name, network)
    if config.stem_stride == 2:
        what += " Its stem has stride 2 before the first stage."
    if config.conventions == 2:
        what += (
            " It has learnt the two label conventions of the competition side by side (the four-point rows place"
            " nose tip and bottom lip elsewhere), and answers in that of the 15-point rows unless asked otherwise."
        )
    rows = "\n".join(
        f"| {point.replace('_', ' ')} | {error:.3f} |"
        for point, error in result.rmse_by_keypoint.items()
        if error is not None
    )
    terms = data["terms"] or "not stated by who trained it"
    quantiles = " / ".join(f"{value:.2f}" for value in result.error_quantiles.values())
    held_out = (
        "held out: no look-alike of a test face is among the training faces"
        if evaluation.held_out
        else "the checkpoint does not record that they were kept out of its training"
    )
    augment = training["augment"]
    origins = ""
    if training["start"]:
        origins += f" It began with the weights of an earlier run (`{training['start'][:12]}`)."
    if training["teachers"]:
        hashes = ", ".join(f"`{sha256[:12]}`" for sha256 in training["teachers"])
        origins += f" Missing labels were answered for by other models of ours, trained on the same faces ({hashes})."
    return f"""---
library_name: fkd
pipeline_tag: keypoint-detection
tags:
- fkd
- facial-keypoints
license: other
license_name: terms-of-the-training-data
---

# {name}

{what} It takes a 96 x 96 grey face and gives 15 facial keypoints in its pixels.

## Use

```
python -m fkd predict photo.jpg --checkpoint checkpoints/{name} --json points.json --draw drawn
```

## Results

Benchmark `{evaluation.benchmark}`: {result.faces:,} faces, {result.values:,} labelled coordinates, fingerprint
`{evaluation.fingerprint}`; {held_out}. From
`python -m fkd evaluate checkpoints/{name} --data {evaluation.benchmark}`, fkd {evaluation.fkd_version}:

| | |
| --- | --- |
| RMSE | {result.rmse:.3f} px (95% interval by face {result.rmse_low:.3f} to {result.rmse_high:.3f}) |
| mean error | {result.nme:.2f}% of the inter-ocular distance ({result.nme_faces:,} faces with both eyes labelled) |
| failures (mean error above 10%) | {result.failure_rate:.1f}% |
| point distance, median / 90% / 95% / 99% | {quantiles} px |
| parameters, multiply-adds | {cost.parameters:,}, {cost.macs:,} |
| one face | {cost.latency_ms:.1f} ms on {cost.hardware} |

| keypoint | RMSE, px |
| --- | --- |
{rows}

## Training

{training["epochs"]} epochs, best by validation RMSE: epoch {training["best_epoch"]} (`history.csv` has them all);
{training["optimizer"]}, learning rate {training["lr"]:g}, batches of {training["batch_size"]}, moving average of the
weights ({training["ema"]:g}), labels: {training["labels"]}, augmentation: {"on" if augment else "off"}, seed
{training["seed"]}. Every setting is in `config.json`. Weights are stored in
{"half" if training["half"] else "single"} precision.{origins}

Data: `{data["name"]}`, {data["faces"]["train"]:,} faces to train, {data["faces"]["validation"]:,} to validate,
{data["faces"]["test"]:,} to test. Terms: {terms}.

## Limits

It has learnt from faces cropped as in the Kaggle Facial Keypoints Detection competition (eyes about 36 px apart in
the 96 px frame), so it needs such a crop (`fkd predict` and the app make it). Expect larger errors on profiles,
covered faces and strong tilt. The training photos do not represent all people evenly. It is no means of telling
who somebody is.
"""
