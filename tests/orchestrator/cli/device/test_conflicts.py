"""Does a person find and settle at the terminal what two devices set at once?"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from orchestrator.app import wiring
from orchestrator.cli import cli
from orchestrator.core.environment import load_settings
from orchestrator.core.errors import OrchestratorError
from tests.orchestrator.adapters.database.conftest import operation

NAME = "draft/d#text@"
Type = Callable[..., Result]


@pytest.fixture
def type_(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Type:
    """Types `shiftbook device …` at a node with one conflict."""
    monkeypatch.setenv("SHIFTBOOK_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    stores = wiring.stores(load_settings())
    now = int(wiring.now().timestamp() * 1000)
    for wall, device in ((1, "desk~1"), (2, "phone~1")):
        said = operation(device, 1, wall=wall, entity="draft/d", kind="set", value=f"as {device} \x1b[31msays")
        stores.sync_ops.push([said], now=now)
    stores.close()
    return lambda *words: CliRunner().invoke(cli, ["device", *words])


def test_a_conflict_is_shown_with_the_next_step(type_: Type) -> None:
    """Both values, which one stands, what to type; nothing of a value reaches the terminal as an order."""
    said = type_("conflicts").output
    assert f"{NAME}\n" in said
    assert "stands  phone~1/1: as phone~1" in said
    assert f"shiftbook device resolve '{NAME}'" in said
    assert "\x1b" not in said


def test_a_conflict_is_settled_once(type_: Type) -> None:
    """The list is empty then; a second word is refused, and so are a stranger's and an unclear one."""
    made = json.loads(type_("resolve", NAME, "--take", "desk~1/1", "--json").output)
    assert (made["open"], made["members"][0]["op"]) == (False, "desk~1/1")
    assert "Nothing to decide" in type_("conflicts").output
    assert json.loads(type_("conflicts", "--all", "--json").output)["items"] == [made]
    for words in (
        (NAME, "--value", "x"),
        ("draft/e#text@", "--value", "x"),
        (NAME,),
        (NAME, "--take", "a/1", "--value", "x"),
    ):
        assert isinstance(type_("resolve", *words).exception, OrchestratorError | SystemExit)
