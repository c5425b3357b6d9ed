"""No fact that a test looks for hangs on the speed of the machine."""

from __future__ import annotations

import ast
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.conftest import NIGHTLY_SECONDS


def test_the_profile_in_force_has_no_deadline() -> None:
    """Hypothesis' own, 200 ms for an example, made facts fail under load."""
    assert settings.default is not None
    assert settings.default.deadline is None
    assert HealthCheck.too_slow in settings.default.suppress_health_check


@settings(max_examples=1, phases=[Phase.generate])
@given(st.none())
def test_a_slow_example_is_none_that_fails(nothing: None) -> None:
    """Settings of a test's own begin with the profile's: 250 ms are not too many."""
    assert nothing is None
    time.sleep(0.25)


def test_who_names_other_health_checks_names_the_slow_one_too() -> None:
    """A list of a test's own takes the place of the profile's: data that come slowly would be an error again."""
    lists = re.compile(r"suppress_health_check=(?!list\()\[[^]]*\]")
    files = sorted(Path(__file__).parent.rglob("*.py"))
    found = {f"{file.name}: {each}" for file in files for each in lists.findall(file.read_text(encoding="utf-8"))}
    assert not {each for each in found if "too_slow" not in each}


@pytest.mark.nightly
def test_a_long_form_is_not_ended_as_one_that_hangs(request: pytest.FixtureRequest) -> None:
    """Ten minutes, which a test of the suite has, were too few for five rounds of every fault beside other work."""
    marker = request.node.get_closest_marker("timeout")
    assert marker.args == (NIGHTLY_SECONDS,)


def test_a_test_of_the_suite_keeps_the_suites_limit(request: pytest.FixtureRequest) -> None:
    """What hangs is ended within ten minutes."""
    assert request.node.get_closest_marker("timeout") is None


ASKS = {"get", "put", "post", "patch", "delete", "head", "request", "stream", "Client"}


def impatient(source: str) -> Iterator[int]:
    """The lines at which an HTTP client is left to its own patience: httpx gives up after five seconds."""
    for node in ast.walk(ast.parse(source)):
        called = node.func if isinstance(node, ast.Call) else None
        if isinstance(called, ast.Attribute) and called.attr in ASKS and ast.unparse(called.value) == "httpx":
            assert isinstance(node, ast.Call)
            if not {"timeout", "transport"} & {each.arg for each in node.keywords}:
                yield node.lineno


def test_no_client_gives_up_on_a_busy_machine() -> None:
    """Each says how long it waits, or speaks to no server at all."""
    assert list(impatient("import httpx\nhttpx.get('x')\nhttpx.get('x', timeout=9)\nhttpx.Client()")) == [2, 4]
    sources = {path: path.read_text(encoding="utf-8") for path in Path(__file__).parent.rglob("*.py")}
    found = {str(path): list(impatient(text)) for path, text in sources.items() if "httpx." in text}
    assert len(found) > 10
    assert {path: lines for path, lines in found.items() if lines} == {}
