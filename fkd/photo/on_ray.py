"""Photos -> a folder of Parquet files, on all machines of a Ray cluster."""

import io
import math
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import ray

from fkd.errors import FkdError
from fkd.files import replacing
from fkd.photo.detector import Detector
from fkd.photo.finder import find_faces
from fkd.photo.many_photos import Source, answer_photos, walk_photos
from fkd.photo.point_files import answer_row, to_arrow
from fkd.photo.predict import Finder
from fkd.photo.reading import read_photo
from fkd.photo.runtime import one_thread_per_answer

CHUNK = 16  # photos that an actor takes at a time
BLOCK = 16 * CHUNK  # photos that are repeated if a worker is killed
LITTLE = 0.05  # of a core: reading paths and writing rows overlap with the actors' work
ROWS_PER_FILE = 50_000


def answer_on_ray(
    photos: Sequence[Path],
    out: Path,
    load: Callable[[str], Detector],
    reference: str,
    precise: bool = False,
    find: Finder = find_faces,
) -> None:
    """Write the table of `point_files` for photos and folders of photos, or for one Parquet file or folder.

    A Parquet file has the column `path` and optionally `bytes`, the file's content. The batch of a killed actor is done
    again. All machines of the cluster (RAY_ADDRESS, or this machine alone) must see the files and `out`.
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
        Actor,
        fn_constructor_args=(load, reference, precise, find),
        batch_size=CHUNK,
        compute=ray.data.ActorPoolStrategy(min_size=1, max_size=cores),  # at first Ray lists files with a core
        num_cpus=1 - 2 * LITTLE,
    )
    little = {"num_cpus": LITTLE}
    with replacing(out) as unfinished:
        rows.write_parquet(str(unfinished.absolute()), min_rows_per_file=ROWS_PER_FILE, ray_remote_args=little)


class Actor:
    """Load a detector once, to answer one batch after the other."""

    def __init__(self, load: Callable[[str], Detector], reference: str, precise: bool, find: Finder):
        one_thread_per_answer()  # there are as many actors as cores
        self.detector, self.precise, self.find = load(reference), precise, find

    def __call__(self, batch: dict[str, np.ndarray]) -> Any:
        """A pyarrow.Table for the photos of a batch."""
        names = [str(path) for path in batch["path"]]
        files: list[Any] = [*map(io.BytesIO, batch["bytes"])] if "bytes" in batch else names
        photos = zip(names, files, strict=True)
        sources = [Source(name, 0, partial(read_photo, file, Path(name).name)) for name, file in photos]
        answers = answer_photos(self.detector, sources, self.precise, self.find)
        return to_arrow(answer_row(each.name, self.detector.name, each.faces, each.problem) for each in answers)
