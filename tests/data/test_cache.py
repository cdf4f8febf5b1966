import multiprocessing
import os
import resource

import pytest
from conftest import same

from fkd.data import competition as competition_module
from fkd.data.competition import read_training


def test_a_corrupt_cache_is_rebuilt_with_a_warning(competition, faces, tmp_path_factory, monkeypatch):
    root = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("FKD_CACHE", str(root))
    read_training(competition)
    (cached,) = root.glob("training-*.safetensors")
    cached.write_bytes(cached.read_bytes()[:1000])
    with pytest.warns(UserWarning, match="corrupt.*rebuilding"):
        assert same(read_training(competition), faces)
    assert same(read_training(competition), faces)
    assert len(list(root.glob("training-*"))) == 1, "nothing is left aside"


def test_a_full_disk_is_a_warning(competition, faces, tmp_path, monkeypatch):
    monkeypatch.setenv("FKD_CACHE", str(tmp_path / "cache"))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, before[1]))  # no file may be larger
    try:
        with pytest.warns(UserWarning, match="nothing is cached"):
            assert same(read_training(competition), faces)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not list((tmp_path / "cache").glob("*.safetensors"))


def test_an_edited_file_is_read_again_even_if_its_size_and_times_are_the_same(competition, faces, monkeypatch):
    path, parsed = competition / "training.csv", []
    parse = competition_module._parse_training
    monkeypatch.setattr(competition_module, "_parse_training", lambda path: parsed.append(1) or parse(path))
    for _ in range(3):
        assert same(read_training(competition), faces)
    assert len(parsed) == 1
    times = path.stat().st_atime_ns, path.stat().st_mtime_ns
    content = path.read_bytes()
    path.write_bytes(content[:-2] + (b"7\n" if content[-2:-1] != b"7" else b"8\n"))  # one digit
    os.utime(path, ns=times)
    assert not same(read_training(competition), faces)


def test_changing_cached_arrays_leaves_the_cache_alone(competition, faces):
    read_training(competition)
    read_training(competition).images[:] = 0
    assert same(read_training(competition), faces)


def _read(folder):
    return len(read_training(folder))


@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")  # a fork is quick, and reads little
def test_two_processes_may_read_at_once(competition):
    with multiprocessing.get_context("fork").Pool(4) as pool:
        assert pool.map(_read, [competition] * 8) == [60] * 8
