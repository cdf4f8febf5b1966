"""A model card from a checkpoint's own records: every figure in it is one of the evaluation's."""

from collections.abc import Collection, Sequence
from typing import Any

from huggingface_hub import EvalResult, ModelCard, ModelCardData

from fkd.board.record import Evaluation
from fkd.data.conventions import Convention
from fkd.learn.config import FCNN, HEAD_ABOUT
from fkd.learn.record import Checkpoint
from fkd.metrics import METRICS

CITATION = """The networks follow Mateus & Zeng's comparison of FCNN and ResNet on the Kaggle Facial Keypoints Detection
task, and the masked loss Wu et al.'s ML-ResNet. To cite the software, see `CITATION.cff` in fkd."""
BEGIN = "<!-- fkd writes from here: what stands above is yours -->"
END = "<!-- fkd wrote up to here: what stands below is yours -->"
OVERLAY, ERRORS = "overlay.png", "errors.png"
PICTURES = {
    OVERLAY: "A photo of a face with the keypoints that this model gives",
    ERRORS: "The mean face, with a circle of the RMSE of each keypoint",
}


def model_card(
    checkpoint: Checkpoint[Any],
    evaluation: Evaluation,
    repo_id: str = "",
    before: str = "",
    pictures: Collection[str] = (),
) -> str:
    """Markdown with the Hub's front matter, for the README.md of a checkpoint or of its repository.

    repo_id: user/name on the Hub. pictures: the PICTURES that are pushed too, for the card to show. before: the
    current card; text outside our marks, tags, and front matter that we do not fill are kept.
    """
    text = _text(checkpoint, evaluation, repo_id, pictures)
    front, above, below = _front_matter(checkpoint, evaluation), "\n", "\n"
    if before:
        old = ModelCard(before, ignore_metadata_errors=True)
        ours = {key: value for key, value in vars(front).items() if value is not None}
        tags = dict.fromkeys([*ours["tags"], *(old.data.get("tags") or [])])
        front = ModelCardData(**vars(old.data) | ours | {"tags": list(tags)})
        above, begun, rest = old.text.partition(BEGIN)
        # A card without our marks is all somebody's own: it stays whole, below ours.
        above, below = (above, rest.partition(END)[2]) if begun else ("\n", f"\n\n{old.text.strip()}\n")
    return f"---\n{front.to_yaml()}\n---\n{above}{BEGIN}\n{text}{END}{below}"


def _front_matter(checkpoint: Checkpoint[Any], evaluation: Evaluation) -> ModelCardData:
    result = evaluation.accuracy
    return ModelCardData(
        library_name="fkd",
        pipeline_tag="keypoint-detection",
        tags=["fkd", "facial-keypoints", checkpoint.model.config.name],
        license="other",
        license_name="terms-of-the-training-data",
        datasets=[checkpoint.data.name],
        model_name=checkpoint.name,
        eval_results=[
            EvalResult(
                task_type="keypoint-detection",
                dataset_type=evaluation.benchmark,
                dataset_name=evaluation.benchmark,
                dataset_split="test",
                dataset_revision=evaluation.fingerprint,
                dataset_args={"faces": result.faces, "values": result.values},
                metric_type=metric.key,
                metric_name=metric.about,
                metric_value=round(value, 4),
            )
            for metric in METRICS
            if (value := result.figures.get(metric.key)) is not None
        ],
    )


def _quoted(conventions: Sequence[Convention]) -> str:
    return " and ".join(f'"{convention.name}"' for convention in conventions)


def _text(checkpoint: Checkpoint[Any], evaluation: Evaluation, repo_id: str, pictures: Collection[str]) -> str:
    training, data, result, cost = checkpoint.training, checkpoint.data, evaluation.accuracy, evaluation.cost
    name, config = checkpoint.name, checkpoint.model.config
    what = f"timm's {config.name} for one grey channel, from random weights, {HEAD_ABOUT[config.head]}"
    if config.name == FCNN:
        what = "A fully connected network, 9216-500-30: the paper's baseline."
    others = config.conventions[1:]
    if any(convention.own for convention in others):
        what += (
            " It answers photos in the label convention"
            f' "{config.conventions[0].name}", and has outputs of its own for the points that the'
            f" convention{'s' if len(others) > 1 else ''} {_quoted(others)} of its training data"
            f" place{'s' if len(others) == 1 else ''} elsewhere."
        )
    rows = "\n".join(
        f"| {point.replace('_', ' ')} | {error:.3f} |"
        for point, error in result.rmse_by_keypoint.items()
        if error is not None
    )
    figures = "\n".join(
        f"| {metric.label}: {metric.about} | {metric.shown(result.figures.get(metric.key))} |" for metric in METRICS
    )
    terms = data.terms or "not stated by who trained it"
    quantiles = " / ".join(f"{value:.2f}" for value in result.error_quantiles.values())
    held_out = (
        "held out: no look-alike of a test face is among the training faces"
        if evaluation.held_out
        else "the checkpoint does not record that they were kept out of its training"
    )
    offsets = zip(config.conventions, checkpoint.model.label_offset.tolist(), strict=True)
    offset = (
        f" Its labels are {' and '.join(f'{px:.2f} px ({each.name})' for each, px in offsets)} to the right of the"
        " points themselves, as measured on the validation faces. Answers on a benchmark are too; those for a photo"
        " are not."
    )
    costs = ""
    if cost and cost.parameters is not None and cost.macs is not None:
        costs += f"| parameters, multiply-adds | {cost.parameters:,}, {cost.macs:,} |\n"
    if cost:
        costs += f"| one face | {cost.latency_ms:.1f} ms on {cost.hardware} |\n"
    where = f"hf:{repo_id}" if repo_id else f"checkpoints/{name}"
    shown = "".join(f"\n![{what}]({file})\n" for file, what in PICTURES.items() if file in pictures)
    return f"""# {name}

{what} It takes a 96 x 96 grey face and gives 15 facial keypoints in its pixels.
{shown}
## Use

```python
from fkd import load, predict
from fkd.photo.reading import read_photo

faces = predict(load("{where}"), read_photo("photo.jpg"))
print(faces[0].points)  # [15, 2], pixels of the photo
```

or `python -m fkd predict photo.jpg --checkpoint {where} --out points.json --draw drawn`.

## Results

Benchmark `{evaluation.benchmark}`: {result.faces:,} faces ({result.nme_faces:,} with both eyes labelled),
{result.values:,} labelled coordinates, fingerprint `{evaluation.fingerprint}`;
{held_out}. From
`python -m fkd evaluate {where} --data {evaluation.benchmark}`, fkd {evaluation.fkd_version}:

| measure | value |
| --- | --- |
{figures}
| 95% interval of the RMSE, by face | {result.rmse_low:.3f} to {result.rmse_high:.3f} px |
| point distance, median / 90% / 95% / 99% | {quantiles} px |
{costs}
| keypoint | RMSE, px |
| --- | --- |
{rows}

## Training

{training.epochs} epochs, best by validation RMSE: epoch {training.best_epoch} (`history.csv` has them all);
{training.optimizer}, learning rate {training.lr:g}, batches of {training.batch_size}, labels: {training.labels},
augmentation: {"on" if training.augment else "off"}, seed {training.seed}. Every setting is in `config.json`. Weights
are stored in {"half" if training.half else "single"} precision.

Data: `{data.name}`, {data.faces.train:,} faces to train, {data.faces.validation:,} to validate,
{data.faces.test:,} to test. Terms: {terms}.{offset}

## Limits

It was trained on faces cropped as in the Kaggle Facial Keypoints Detection competition (eyes about 36 px apart in
the 96 px frame), so it needs such a crop (`fkd predict` and the app make it). Expect larger errors on profiles,
covered faces and strong tilt. The training photos do not represent all people evenly. Do not use it to
identify people.

## Citation

{CITATION}
"""
