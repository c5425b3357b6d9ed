"""The sources of the product, each parsed once a process, and only by a test that asks."""

from __future__ import annotations

import ast
import gc
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("missions", "sync", "handoff", "orchestrator", "mobile-bridge/mobile_bridge")
MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


def tree(path: Path) -> ast.Module:
    """A module as Python reads it; nothing is parsed while tests are collected, which every worker does."""
    return _parsed()[path][0]


def nodes(path: Path) -> tuple[ast.AST, ...]:
    """Everything in a module, outer things first."""
    return _parsed()[path][1]


@cache
def _parsed() -> dict[Path, tuple[ast.Module, tuple[ast.AST, ...]]]:
    """All modules at once: 800,000 nodes that stay. To look through them for garbage while they come to be, and again
    whenever it is collected, took longer than all that is asked of them."""
    gc.disable()
    try:
        read = {path: ast.parse(path.read_text(encoding="utf-8")) for path in MODULES}
        return {path: (module, tuple(ast.walk(module))) for path, module in read.items()}
    finally:
        gc.freeze()
        gc.enable()
