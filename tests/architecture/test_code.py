"""What the import contracts cannot say about the code."""

from __future__ import annotations

import ast
from itertools import pairwise
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("missions", "sync", "handoff", "orchestrator", "mobile-bridge/mobile_bridge")
MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


def test_a_module_is_one_idea() -> None:
    """No module has more than 400 lines: split by idea or not at all."""
    assert {str(p.relative_to(ROOT)): n for p in MODULES if (n := len(p.read_text().splitlines())) > 400} == {}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_git_is_called_in_one_file_only(path: Path) -> None:
    """No other module imports GitPython or names git as a program to run."""
    if path == ROOT / "sync" / "git.py":
        return
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
            assert not {name.partition(".")[0] for name in names} & {"git", "gitdb"}, f"line {node.lineno}"
        if isinstance(node, ast.List) and node.elts and isinstance(node.elts[0], ast.Constant):
            assert node.elts[0].value != "git", f"line {node.lineno}"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_opens_with_its_sentence(path: Path) -> None:
    """Every module that holds code has a docstring."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert not tree.body or ast.get_docstring(tree)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_this_program_starts_itself_and_not_what_lies_around(path: Path) -> None:
    """`python -m orchestrator` takes a module of that name in the working folder first, unless it is given -P."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.List | ast.Tuple):
            words = [each.value if isinstance(each, ast.Constant) else None for each in node.elts]
            started = any(pair == ("-m", "orchestrator") for pair in pairwise(words))
            assert not started or "-P" in words, f"line {node.lineno}"


RENAMES = {
    "sync/files.py": "the one place where a file gets its name",
    "orchestrator/app/backup.py": "a home folder is swapped for the restored one",
    "orchestrator/execution/programs/home_files.py": "a folder in the way, below a folder handle",
    "orchestrator/execution/workspace/attempt_dirs.py": "a folder is moved out of sight before it is removed",
    "orchestrator/execution/workspace/chat_dirs.py": "a folder is moved aside, looked at and removed or put back",
    "orchestrator/execution/workspace/git_tree.py": "a .git folder is moved out of the tree",
    "orchestrator/execution/workspace/tree_walk.py": "a folder is moved up so that deep trees can be removed",
}
"""Modules that rename, and what: everything but the first moves folders only."""


def _renames(path: Path) -> list[int]:
    """The lines that rename a file or folder; text, times and values are replaced with other arguments."""
    calls = [node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)]
    named = [(node, node.func) for node in calls if isinstance(node.func, ast.Attribute)]
    return [
        node.lineno
        for node, name in named
        if name.attr in {"rename", "renames"}
        or ast.unparse(name) in {"os.replace", "shutil.move"}
        or (name.attr == "replace" and len(node.args) == 1 and not node.keywords)
    ]


def test_files_get_their_names_in_one_module() -> None:
    """No other module writes beside and renames: it would be lost in a power cut."""
    found = {str(path.relative_to(ROOT)) for path in MODULES if _renames(path)}
    assert found == RENAMES.keys()
