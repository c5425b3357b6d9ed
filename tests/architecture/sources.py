"""The sources of the product, each parsed once a process, and only by a test that asks."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("missions", "sync", "handoff", "orchestrator", "mobile-bridge/mobile_bridge")
MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


@cache
def tree(path: Path) -> ast.Module:
    """A module as Python reads it; nothing is parsed while tests are collected, which every worker does."""
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def nodes(path: Path) -> tuple[ast.AST, ...]:
    """Everything in a module, outer things first."""
    return tuple(ast.walk(tree(path)))
