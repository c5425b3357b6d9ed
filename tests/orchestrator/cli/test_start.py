"""A command says something soon after it is called, in processor time: a busy machine hardly changes that."""

from __future__ import annotations

import os

import pytest

from orchestrator.bench.start import BASELINE, cpu_milliseconds


@pytest.mark.parametrize(
    ("words", "roof"), [("--version", 2.5), ("--help", 2.5), ("mission --help", 2.5), ("mission list --help", 3.0)]
)
def test_help_takes_little_more_than_loading_click(words: str, roof: float) -> None:
    """In times of a Python that loads click and rich and ends: above what is taken, below what pydantic costs."""
    took = {"baseline": [], "command": []}
    for _ in range(3):
        took["baseline"].append(cpu_milliseconds(BASELINE, os.environ))
        took["command"].append(cpu_milliseconds(("-P", "-m", "orchestrator", *words.split()), os.environ))
    assert min(took["command"]) <= roof * min(took["baseline"])
