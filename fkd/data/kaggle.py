"""The competition's files at Kaggle: where they are, and their download."""

from pathlib import Path

from fkd.errors import FkdError

COMPETITION = "facial-keypoints-detection"
BUNDLE = f"{COMPETITION}.zip"
WHERE_TO_GET = (
    "get the files from https://www.kaggle.com/c/facial-keypoints-detection/data (a free account, and the "
    "competition's rules accepted there), or run `fkd data download --data DIR`"
)


def download(folder: Path | str) -> Path:
    """Downloads the competition's files with kagglehub, and returns the folder. Raises FkdError if it cannot."""
    try:
        import kagglehub  # noqa: PLC0415 - an extra that only this command needs
    except ModuleNotFoundError:
        raise FkdError(
            "kagglehub is not installed: pip install '.[kaggle]' in the clone, then run this again"
        ) from None
    try:
        kagglehub.competition_download(COMPETITION, output_dir=str(folder))
    except kagglehub.exceptions.UnauthenticatedError:
        raise FkdError(
            "Kaggle needs an account: create a token at https://www.kaggle.com/settings and save it as that "
            "page says (or set KAGGLE_API_TOKEN), then run this again"
        ) from None
    except kagglehub.exceptions.KaggleApiHTTPError as error:
        raise FkdError(
            f"Kaggle refused the download ({error}): accept the competition's rules at "
            f"https://www.kaggle.com/c/{COMPETITION}/rules with the account of your token, then run this again"
        ) from None
    except OSError as error:  # requests' errors are OSErrors
        raise FkdError(f"the download failed ({error}): check the connection, then run this again") from None
    return Path(folder)
