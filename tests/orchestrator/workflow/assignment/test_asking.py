"""What does `shiftbook mission new` do about a mission without a project, on a terminal and off one?"""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace

import click
import pytest
from click.testing import CliRunner

from orchestrator.cli.mission import project
from orchestrator.core.errors import WrongSetting
from tests.orchestrator.workflow.assignment.test_assign import ledger_of

CODING = {"task": "coding_task"}


def asked(
    monkeypatch: pytest.MonkeyPatch, body: str, fields: Mapping[str, object], typed: str
) -> tuple[str | None, str]:
    """The project for a person at a terminal who types this, and what they read."""
    found: list[str | None] = []
    ledger = ledger_of({}).ledger()

    @click.command()
    def ask() -> None:
        found.append(project.choose_project(lambda: ledger, body, fields, none=False))

    monkeypatch.setattr(project, "sys", SimpleNamespace(stdin=SimpleNamespace(isatty=lambda: True)))
    done = CliRunner().invoke(ask, input=typed)
    assert done.exception is None, done.output
    return found[0], done.output


def test_on_a_terminal_it_asks_with_reasons(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first one is the default; any may be named; a wrong word is asked about again."""
    body = "Compare shop with kestrel and fix the slower build"
    first, read = asked(monkeypatch, body, CODING, "\n")
    assert first == "kestrel"
    assert asked(monkeypatch, body, CODING, "site\n")[0] == "site"
    assert "it could be shop (because it names “shop”)" in read
    assert asked(monkeypatch, body, CODING, "shop\n")[0] == "shop"
    again, read = asked(monkeypatch, body, CODING, "zebra\nshop\n")
    assert (again, "zebra" in read) == ("shop", True)


def test_none_can_be_said_where_none_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A coding task needs one, so `none` is not offered for it."""
    assert asked(monkeypatch, "Compare the shop repo with kestrel", {}, "none\n")[0] == "none"
    _, read = asked(monkeypatch, "Fix the failing test", CODING, "none\nsite\n")
    assert "kestrel, shop, site" in read


def test_sure_and_clear_ones_are_not_asked_about(monkeypatch: pytest.MonkeyPatch) -> None:
    """The reason is said; a question that belongs to none passes in silence."""
    project, read = asked(monkeypatch, "shop: the checkout lets a voucher be combined with another one", CODING, "")
    assert (project, "this looks like shop (because" in read) == ("shop", True)
    assert asked(monkeypatch, "What is the capital of France?", {}, "") == (None, "")


def test_off_a_terminal_it_refuses_with_what_it_could_be() -> None:
    """Exit code 2, the candidates, and what to say."""
    ledger = ledger_of({}).ledger()
    with pytest.raises(WrongSetting, match=r"it could be kestrel or shop .*: say --project NAME$") as raised:
        project.choose_project(lambda: ledger, "Compare shop with kestrel and fix the build", CODING, none=False)
    assert raised.value.exit_code == 2
    with pytest.raises(WrongSetting, match="or --no-project"):
        project.choose_project(lambda: ledger, "Compare the shop repo with kestrel", {}, none=False)
    with pytest.raises(WrongSetting, match="--no-project"):
        project.choose_project(lambda: ledger, "Fix it", CODING, none=True)
    assert project.choose_project(lambda: ledger, "Fix the bug of my shop", {}, none=True) == "none"
