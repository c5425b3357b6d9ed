"""Can a newcomer find a thing by its name?"""

from __future__ import annotations

import ast
import re
import tomllib
from collections import Counter, defaultdict
from pathlib import Path

from tests.architecture import house
from tests.architecture.sources import MODULES, ROOT, tree

MAX_FILES = 25
VAGUE = {"util", "utils", "helper", "helpers", "common", "base", "misc", "lib"}


def _shown(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_no_public_class_name_stands_twice() -> None:
    """A class is found by grep, in one place."""
    places = defaultdict(list)
    for path in MODULES:
        for node in tree(path).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(_shown(path))
    assert {name: found for name, found in places.items() if len(found) > 1} == {}


def test_no_folder_is_a_pile() -> None:
    """No folder holds more than 25 modules."""
    files = Counter(_shown(path.parent) for path in MODULES)
    assert {folder: number for folder, number in files.items() if number > MAX_FILES} == {}


def test_the_orchestrator_holds_rooms_only() -> None:
    """Every module of `orchestrator` but the two that start it is in a room, and every room is on a floor."""
    flat = {path.name for path in MODULES if path.parent == ROOT / "orchestrator"}
    assert flat == {"__init__.py", "__main__.py"}
    inside = [path.relative_to(ROOT / "orchestrator") for path in MODULES if path.is_relative_to(ROOT / "orchestrator")]
    rooms = {path.parts[0] for path in inside}
    named = {room for floor in house.floors() for room in floor} - set(house.BELOW)
    assert rooms - flat == named


def test_a_room_opens_with_its_question() -> None:
    """Each package's docstring begins with the question that it answers."""
    rooms = {path: ast.get_docstring(tree(path)) or "" for path in MODULES if path.name == "__init__.py"}
    unasked = [_shown(path) for path, said in rooms.items() if "?" not in said.partition("\n")[0]]
    assert [path for path in unasked if "migrations" not in path] == []


def test_a_modules_docstring_names_what_it_holds() -> None:
    """The first lines of a module contain a word of its file's name."""
    nameless = []
    for path in MODULES:
        words = [word for word in path.stem.split("_") if len(word) > 2]
        said = (ast.get_docstring(tree(path)) or "").lower()
        if words and path.name != "__init__.py" and not any(_stem(word) in said for word in words):
            nameless.append(_shown(path))
    assert [path for path in nameless if "/versions/" not in path] == []


def _stem(word: str) -> str:
    return word.rstrip("s")[:4]


def test_no_module_has_a_name_that_says_nothing() -> None:
    """No `util`, `helpers`, `common`."""
    assert [_shown(path) for path in MODULES if path.stem in VAGUE] == []


def test_nothing_points_to_files_that_are_not_here() -> None:
    """Code and documents refer to this repository's own files only."""
    texts = [*MODULES, *ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *(ROOT / "tests").rglob("*.py")]
    words = ("SPEC" + " ", "research" + "/", "HOUSE" + ".md")
    found = [f"{_shown(path)}: {word}" for path in texts for word in words if word in path.read_text("utf-8")]
    assert found == []


def test_the_picture_of_the_rooms_is_what_the_imports_say() -> None:
    """docs/images/house.svg is drawn anew when an import between rooms changes: `make house`."""
    assert house.PICTURE.read_text(encoding="utf-8") == house.picture()


def test_every_room_has_its_row_in_the_architecture() -> None:
    """ARCHITECTURE.md has a row for each room, and no cell of its tables is longer than three lines of 120."""
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert [
        room for floor in house.floors() for room in floor if not any(row.startswith(f"| `{room}`") for row in rows)
    ] == []
    assert [cell for row in rows for cell in row.split("|") if len(cell) > 360] == []


def test_each_package_has_a_contract_for_its_inside() -> None:
    """A folder of modules without an order of its own would grow knots."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = settings["tool"]["importlinter"]["contracts"]
    held = {name for each in contracts for name in each.get("containers", [])} | {"orchestrator.adapters"}
    many = Counter(path.parent for path in MODULES if path.name != "__init__.py")
    folders = {".".join(folder.relative_to(ROOT).parts) for folder, number in many.items() if number > 1}
    loose = {name for name in folders - held if "migrations" not in name and not name.startswith("mobile-bridge")}
    assert loose - {"orchestrator.git_server", "orchestrator"} == set()


def test_programs_in_texts_import_what_there_is() -> None:
    """A test's program in a string, a document's example: no module that was moved or renamed."""
    texts = [*(ROOT / "tests").rglob("*.py"), *ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *MODULES]
    missing = []
    for path in texts:
        for name in re.findall(
            r"(?:from|import|-m) ((?:orchestrator|tests)(?:\.[a-z_0-9]+)+)", path.read_text("utf-8")
        ):
            place = ROOT / name.replace(".", "/")
            if not place.is_dir() and not place.with_suffix(".py").exists() and not _is_attribute(name):
                missing.append(f"{_shown(path)}: {name}")
    assert missing == []


def _is_attribute(name: str) -> bool:
    module, _, word = name.rpartition(".")
    file = (ROOT / module.replace(".", "/")).with_suffix(".py")
    return file.exists() and word in file.read_text("utf-8")
