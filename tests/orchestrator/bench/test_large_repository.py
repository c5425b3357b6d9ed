"""Does the measurement of a large repository's workspace tell what the promise asks for?"""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from orchestrator.bench.large_repository import _results
from orchestrator.cli.bench import start


@pytest.mark.parametrize(
    ("ours", "plain", "met"), [(2.0, 40.0, [True, True]), (2.0, 39.0, [True, False]), (3.1, 70.0, [False, True])]
)
def test_both_bars(ours: float, plain: float, met: list[bool]) -> None:
    """Three seconds, and a twentieth of the plain way; each is missed alone."""
    soon, times = _results(1024, ours, 5.0, plain, "a clone")
    assert [soon.met, times.met] == met
    assert (soon.baseline, times.baseline) == (5.0, plain / 5.0)  # where none stood ready


def test_a_small_one_is_measured_by_the_command() -> None:
    """A repository is made, fetched, opened and cloned; the commands are not measured beside it."""
    told = CliRunner().invoke(start, ["--repository", "1", "--json"])
    assert told.exit_code in {0, 1}, told.output
    soon, times = json.loads(told.stdout)["results"]
    assert (soon["name"], soon["unit"]) == (
        "workspace of a fetched repository of 1 MiB (baseline: none stood ready)",
        "s",
    )
    assert soon["value"] > 0
    assert times["value"] > 0
