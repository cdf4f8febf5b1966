"""The photos of folders, or of a Parquet file, -> a folder of Parquet files, on all machines of a Ray cluster."""

import io
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import ray

from fkd.errors import FkdError
from fkd.files import replacing
from fkd.photo.answer_files import arrow_table, to_table
from fkd.photo.folders import walk_photos
from fkd.photo.pipeline import CHUNK, Load, answer_photos, own_detector

LITTLE = 0.05  # of a core: reading paths and writing rows overlap with the actors' work
BLOCK = 16 * CHUNK  # photos that are done again where a worker is killed
ROWS_PER_FILE = 50_000


def answer_on_ray(
    photos: Sequence[Path], out: Path, load: Load, reference: str, model: str, precise: bool = False
) -> None:
    """Writes the rows of `answer_files.TABLE` for photos and folders of photos, or for one Parquet file or folder.

    A Parquet has a column `path`, the photo's name, and in `bytes` its file, or else the file lies at that path. Each
    core has an actor that loads the detector once; what an actor had in
    hand when it was killed is done again. Files and `out` lie where all machines see them. Runs on the cluster that
    RAY_ADDRESS names, or that this machine belongs to; otherwise on this machine alone.
    """
    if out.exists():
        raise FkdError(f"{out} exists already: choose another --out")
    ray.init(ignore_reinit_error=True, log_to_driver=False)
    cores = int(ray.cluster_resources()["CPU"])
    if len(photos) == 1 and photos[0].suffix.lower() == ".parquet":
        dataset = ray.data.read_parquet(str(photos[0].absolute()), num_cpus=LITTLE)
    else:
        paths = [{"path": str(path)} for path in walk_photos(photos)]
        blocks = max(math.ceil(len(paths) / BLOCK), 4 * cores)
        dataset = ray.data.from_items(paths, override_num_blocks=min(blocks, len(paths)))
    rows = dataset.map_batches(
        Answers,
        fn_constructor_args=(load, reference, model, precise),
        batch_size=CHUNK,
        compute=ray.data.ActorPoolStrategy(min_size=1, max_size=cores),  # at first Ray lists files with a core
        num_cpus=1 - 2 * LITTLE,
    )
    with replacing(out) as unfinished:
        rows.write_parquet(
            str(unfinished.absolute()), min_rows_per_file=ROWS_PER_FILE, ray_remote_args={"num_cpus": LITTLE}
        )


class Answers:
    """An actor: loads its detector, then answers one batch after the other."""

    def __init__(self, load: Load, reference: str, model: str, precise: bool):
        self.detector, self.model, self.precise = own_detector(load, reference), model, precise

    def __call__(self, batch: dict[str, np.ndarray]) -> Any:
        """A pyarrow.Table of `answer_files.TABLE` for the photos of a batch."""
        files = map(io.BytesIO, batch["bytes"]) if "bytes" in batch else map(Path, batch["path"])
        rows = answer_photos(self.detector, zip(map(str, batch["path"]), files, strict=True), precise=self.precise)
        return arrow_table(list(to_table(rows, self.model)))
