"""The texts of the page."""

from fkd.metrics import METRICS, RMSE

WHAT_RANKS = f"""Models ranked by their error ({RMSE.label} in px of the 96 px frame; lower is better) on the
{{faces:,}} held-out faces of **{{name}}**: {{description}}."""
NO_ENTRY = """Nobody has entered a result on **{name}** yet ({description}). If you have its files, enter the first
with `python -m fkd evaluate checkpoints/NAME --data DIR --benchmark {name}`."""
NO_KAGGLE_ENTRY = """Kaggle's own faces have no ranking yet, since only Kaggle may hand them out:
`python -m fkd evaluate checkpoints/NAME --data DIR --benchmark kaggle` adds the first entry, if you have them."""
QUESTIONS = """**Why is a model missing?** Only models on the Hub with the tag `fkd` are read, once an hour.
Publish yours with `python -m fkd push checkpoints/NAME user/repo`, then press *Read the Hub again*.

**Why does a model have no rank?** It was not measured here. With the benchmark's faces, `python -m fkd verify
hf:user/repo --data DIR` measures and ranks it. A refused row shows the reason below its name: other
test faces, not all of them, or an impossible value. The checkpoint of an entry that is *not verified* is missing.
*Submitted* predictions were scored here, but their model was not run here. Choose *refused* under *Filters and columns*
to see refused claims.

**Why do two models share a rank?** The difference between them is within the sampling error of the test faces.

**Why two figures?** Detectors disagree on where the tip of a nose or the bottom of a lip is. For the *aligned* figure
the mean offset of each point, fitted on other faces, is subtracted: it separates a different definition from a worse
detector.
Ranks are by the first figure.

**May I see the faces?** No: their licence forbids it. A fingerprint identifies the set."""
CITATION = """@software{fkd,
  title = {fkd: train, compare, publish and rank facial keypoint detectors},
  author = {{the fkd authors}},
  year = {2026}
}

@misc{mateus_zeng,
  author = {Mateus and Zeng},
  note = {Comparison of FCNN, ResNet-50 and ML-ResNet-50 on Kaggle's Facial Keypoints Detection}
}"""
PAPER_TEXT = """Mateus & Zeng's three models under their settings on `{data}`, on a split without leaks
(`python benchmarks/paper.py --data {data}`, {hardware}). Their validation faces were also in the
training set, slightly changed, so their figures say little about faces not seen before. Validation is on rows of the
kind trained on."""
PAPER_COLUMNS = {  # a phone shows the first two or three
    "model": "model",
    "test_all": "test RMSE, all rows, px",
    "test_complete": "test RMSE, complete rows, px",
    "validation_rmse": "validation RMSE, px",
    "published": "the paper's loss",
    "epochs": "epochs",
    "trained on": "trained on",
}


def column_words() -> str:
    """Describe the columns of a ranking, as a Markdown list."""
    figures = "\n".join(f"- **{metric.title}**: {metric.meaning}." for metric in METRICS)
    return f"""- **rank**: by {RMSE.label}. Models whose difference is not significant (a paired bootstrap by
  face) share one.
- **status**: *verified* was measured by fkd, and its checkpoint is at hand to be measured again; the checkpoint of
  *not verified* is missing; *submitted* is a file of predictions that was scored here; *unreadable* is a file that is
  not an entry; *claimed* is stated by a Hub model. Only verified entries have a rank.
{figures}
- **aligned**: {RMSE.label} without the mean offset of each point, which is fitted on the validation faces.
- **sources trained on**: the data sets among the sources of the benchmark's faces that its author trained on, too.
- **95% interval**: of the {RMSE.label}, from a bootstrap by face.
- **predictions**: of one model, or the mean of several (an ensemble); with *flip averaging*, predictions averaged over
  the image and its horizontal flip.
- **multiply-adds, time**: for one face, all passes counted; time depends on the machine that is named."""
