"""The viewer's modules: each fits the others, the joined script is one that can be read, the geometry is right."""

import re
import shutil
import subprocess
from pathlib import Path

import playwright
import pytest

from fkd.page import ranking
from fkd.page.viewer import HERE, MODULES, script

IMPORT = r'^import \{ (.+) \} from "\./(\w+)\.js";$'
EXPORT = r"^export (?:const|function) (\w+)"


def node(*arguments: str | Path) -> subprocess.CompletedProcess:
    brought = Path(playwright.__file__).parent / "driver" / "node"  # Playwright brings one
    program = shutil.which("node") or str(brought)
    return subprocess.run([program, *arguments], capture_output=True, text=True, timeout=60, check=False)


def exported(module: str) -> set[str]:
    return set(re.findall(EXPORT, (HERE / f"{module}.js").read_text("utf-8"), re.MULTILINE))


def test_every_module_is_joined_and_imports_only_what_an_earlier_one_exports():
    assert sorted(MODULES) == sorted(path.stem for path in HERE.glob("*.js"))
    for number, module in enumerate(MODULES):
        text = (HERE / f"{module}.js").read_text("utf-8")
        lines = re.findall(IMPORT, text, re.MULTILINE)
        assert len(lines) == len(re.findall(r"^import\b", text, re.MULTILINE)), f"{module}.js: an import is unclear"
        body = re.sub(r"^import .*$", "", text, flags=re.MULTILINE)
        for names, source in lines:
            assert source in MODULES[:number], f"{module}.js imports from {source}.js, which comes later"
            for name in names.split(", "):
                assert name in exported(source), f"{source}.js exports no {name}"
                assert re.search(rf"\b{name}\b", body), f"{module}.js does not use {name}"


def test_the_joined_script_is_valid(tmp_path):
    (tmp_path / "joined.js").write_text(f"(element, props, trigger, watch) => {{\n{script()}\n}}", "utf-8")
    checked = node("--check", tmp_path / "joined.js")
    assert checked.returncode == 0, checked.stderr


@pytest.mark.parametrize("name", ["ranking", "published"])
def test_the_scripts_of_the_ranking_are_valid(tmp_path, name):
    script = (ranking.HERE / f"{name}.js").read_text("utf-8")
    (tmp_path / "joined.js").write_text(f"(element, props, trigger, watch) => {{\n{script}\n}}", "utf-8")
    checked = node("--check", tmp_path / "joined.js")
    assert checked.returncode == 0, checked.stderr
    assert "innerHTML" not in script, "untrusted text must stay text"


def test_geometry():
    tested = node("--test", Path(__file__).with_name("geometry.test.mjs"))
    assert tested.returncode == 0, tested.stdout + tested.stderr
    assert int(re.search(r"^. pass (\d+)$", tested.stdout, re.MULTILINE)[1]) > 0, tested.stdout
