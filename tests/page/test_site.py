"""What the page gives to browsers: scripts that are there and can run."""

import ast
import importlib
import re
from pathlib import Path

import fkd.page
from app import build_app
from fkd.page.site import SCRIPT

FOLDER = Path(fkd.page.__file__).parent


def scripts_given() -> dict[str, str]:
    """The scripts of a file of the page that are given to events as `js=NAME`, by file and name."""
    found = {}
    for path in FOLDER.glob("*.py"):
        for call in ast.walk(ast.parse(path.read_text())):
            for keyword in call.keywords if isinstance(call, ast.Call) else []:
                if keyword.arg == "js" and isinstance(keyword.value, ast.Name):
                    module = importlib.import_module(f"fkd.page.{path.stem}")
                    if hasattr(module, keyword.value.id):
                        found[f"{path.stem}.{keyword.value.id}"] = getattr(module, keyword.value.id)
    return found


def test_every_script_is_in_the_page_and_calls_what_is_there(evaluated):
    config = build_app(evaluated.parent).config
    scripts = [event["js"] for event in config["dependencies"] if event["js"]]
    given = scripts_given()
    assert len(given) >= 4 and set(given.values()) <= set(scripts), "a handler that is never registered is dead"
    exported = set(re.findall(r"\w+", re.search(r"return \{ (.*?) \};\n\}\)\(\);", SCRIPT.read_text())[1]))
    called = set(re.findall(r"window\.fkd\??\.(\w+)", "\n".join(scripts)))
    in_modules = "\n".join(path.read_text() for path in FOLDER.glob("*/*.js"))
    called_elsewhere = set(re.findall(r"window\.fkd\??\.(\w+)", in_modules))
    assert called | called_elsewhere <= exported
    assert exported <= called | called_elsewhere, "a function that nobody calls"
