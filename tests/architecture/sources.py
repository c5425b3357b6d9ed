"""The sources of the product, each parsed once a process, and only by a test that asks."""

from __future__ import annotations

import ast
import gc
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple, TypeVar

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("missions", "sync", "handoff", "orchestrator", "mobile-bridge/mobile_bridge")
MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))

Node = TypeVar("Node", bound=ast.AST)


class Function(NamedTuple):
    """A function, the module that it stands in, and all calls between its first line and its last."""

    module: str
    node: ast.FunctionDef | ast.AsyncFunctionDef
    calls: list[ast.Call]


def tree(path: Path) -> ast.Module:
    """A module as Python reads it; nothing is parsed while tests are collected, which every worker does."""
    return _parsed()[path][0]


def nodes(path: Path, kind: type[Node]) -> list[Node]:
    """Everything of a kind in a module, outer things first."""
    return _parsed()[path][1].get(kind, [])  # type: ignore[return-value]


@cache
def functions() -> list[Function]:
    """Every function of the product."""
    return [each for path in MODULES for each in _functions_of(path)]


def dotted(node: ast.expr) -> str:
    """A name with what it is taken from (`os.replace`); what is taken from no name begins with a dot, or is empty."""
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def _functions_of(path: Path) -> Iterator[Function]:
    calls = sorted(nodes(path, ast.Call), key=_line)
    lines = list(map(_line, calls))
    for node in [*nodes(path, ast.FunctionDef), *nodes(path, ast.AsyncFunctionDef)]:
        first = min(map(_line, [node, *node.decorator_list]))
        within = calls[bisect_left(lines, first) : bisect_right(lines, node.end_lineno or first)]
        yield Function(str(path.relative_to(ROOT)), node, within)


def _line(node: ast.stmt | ast.expr) -> int:
    return node.lineno


@cache
def _parsed() -> dict[Path, tuple[ast.Module, dict[type[ast.AST], list[ast.AST]]]]:
    """All modules at once: 600,000 nodes that stay. To look through them for garbage while they come to be, and again
    whenever it is collected, took longer than all that is asked of them."""
    gc.disable()
    try:
        read = {path: ast.parse(path.read_text(encoding="utf-8")) for path in MODULES}
        return {path: (module, _by_kind(module)) for path, module in read.items()}
    finally:
        gc.freeze()
        gc.enable()


def _by_kind(module: ast.Module) -> dict[type[ast.AST], list[ast.AST]]:
    """As `ast.walk` finds them, but for the marks that a name is read or written, which are a third of all."""
    found: list[ast.AST] = [module]
    kinds = defaultdict(list)
    for node in found:
        kinds[type(node)].append(node)
        for field in node._fields:
            value = getattr(node, field, None)
            if isinstance(value, list):
                found += [each for each in value if isinstance(each, ast.AST)]
            elif isinstance(value, ast.AST) and field != "ctx":
                found.append(value)
    return kinds
