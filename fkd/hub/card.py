"""A model card and its picture from a checkpoint's own records: every figure in it is one of the evaluation's."""

import io
from pathlib import Path

from huggingface_hub import EvalResult, ModelCard, ModelCardData
from huggingface_hub.errors import EntryNotFoundError, RepositoryNotFoundError

from fkd.board.record import Evaluation
from fkd.errors import FkdError
from fkd.files import markdown
from fkd.hub.errors import in_a_sentence
from fkd.learn.config import FCNN
from fkd.metrics import METRICS
from fkd.photo.detectors.checkpoint import CheckpointDetector
from fkd.photo.draw import draw_points
from fkd.photo.predict import predict
from fkd.photo.reading import read_photo

TEMPLATE = Path(__file__).with_name("card.md")
BEGIN = "<!-- fkd writes from here: what stands above is yours -->"
END = "<!-- fkd wrote up to here: what stands below is yours -->"
OVERLAY = "overlay.png"


def card_files(
    detector: CheckpointDetector, evaluation: Evaluation, repo_id: str, photo: Path | None, before: str = ""
) -> dict[str, bytes]:
    """Return README.md and its picture, by path in the repository.

    photo: of a face, on which the model's points are drawn; it becomes public. None leaves that picture out. before:
    the repository's present card.
    Raises FkdError if the evaluation is of other weights, or no face is found in the photo.
    """
    if evaluation.weights != [detector.sha256]:
        raise FkdError(f"{detector.name}: evaluation.json is of other weights: run `fkd evaluate` again")
    files = {}
    if photo:
        picture = read_photo(photo)
        points = [face.points for face in predict(detector, picture)]
        if not points:
            raise FkdError(f"{photo}: no face is found in it, so it cannot show the model's answer: choose another")
        file = io.BytesIO()
        draw_points(picture, points, detector.colour).save(file, "png", optimize=True)
        files[OVERLAY] = file.getvalue()
    files["README.md"] = model_card(detector, evaluation, repo_id, before, OVERLAY if photo else "").encode()
    return files


def remote_card(repo_id: str) -> str:
    """Return the repository's README.md, or an empty string."""
    with in_a_sentence(repo_id):
        try:
            return str(ModelCard.load(repo_id, ignore_metadata_errors=True).content)
        except (RepositoryNotFoundError, EntryNotFoundError):
            return ""


def model_card(
    detector: CheckpointDetector,
    evaluation: Evaluation,
    repo_id: str = "",
    before: str = "",
    picture: str = "",
) -> str:
    """Return Markdown with the Hub's front matter, for the README.md of a checkpoint or of its repository.

    repo_id: user/name on the Hub. picture: the file that is pushed too, for the card to show. before: the current card;
    text outside our marks, tags, and front matter that we do not fill are kept.
    """
    front, above, below = _front_matter(detector, evaluation), "\n", "\n"
    if before:
        old = ModelCard(before, ignore_metadata_errors=True)
        ours = {key: value for key, value in vars(front).items() if value is not None}
        tags = dict.fromkeys([*ours["tags"], *(old.data.get("tags") or [])])
        front = ModelCardData(**vars(old.data) | ours | {"tags": list(tags)})
        above, mark, rest = old.text.partition(BEGIN)
        # A card without our marks is kept whole, below ours.
        above, below = (above, rest.partition(END)[2]) if mark else ("\n", f"\n\n{old.text.strip()}\n")
    offsets = zip(detector.conventions, detector.label_offset.tolist(), strict=True)
    card = ModelCard.from_template(
        front,
        template_path=str(TEMPLATE),
        detector=detector,
        evaluation=evaluation,
        metrics=METRICS,
        text=markdown,
        about=_about(detector),
        where=f"hf:{repo_id}" if repo_id else f"checkpoints/{detector.name}",
        picture=picture,
        offsets=" and ".join(f"{px:.2f} px ({convention.name})" for convention, px in offsets),
        above=above,
        begin=BEGIN,
        end=END,
        below=below,
    )
    return str(card.content)


def _front_matter(detector: CheckpointDetector, evaluation: Evaluation) -> ModelCardData:
    result = evaluation.accuracy
    return ModelCardData(
        library_name="fkd",
        pipeline_tag="keypoint-detection",
        tags=["fkd", "facial-keypoints", detector.config.name],
        license="other",
        license_name="terms-of-the-training-data",
        datasets=[detector.data.name],
        model_name=detector.name,
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


def _about(detector: CheckpointDetector) -> str:
    """Describe the network and the label conventions that it answers in."""
    config = detector.config
    if config.name == FCNN:
        return "A fully connected network, 9216-500-30: the paper's baseline."
    start = f"the weights of {source.split()[0]}" if (source := detector.training.source) else "random weights"
    about = f"timm's {config.name} for one grey channel, from {start}, with fkd's {config.head} head."
    first, *others = [f'"{convention.name}"' for convention in config.conventions]
    if not any(convention.own for convention in config.conventions):
        return about
    return (
        f"{about} It answers photos in the label convention {first}, and has outputs of its own for the points that "
        f"its training data place elsewhere: {' and '.join(others)}."
    )
