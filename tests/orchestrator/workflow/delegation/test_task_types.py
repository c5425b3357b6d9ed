"""Which task types a machine knows: the ledger's, the one that is kept for later, and those of installed packages."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from typing import Any

import pytest

from orchestrator.core.errors import WrongSetting
from orchestrator.workflow.delegation import task_types
from orchestrator.workflow.delegation.envelope import LEDGER_TASKS, read_envelope
from orchestrator.workflow.delegation.task_types import (
    GROUP,
    TaskImpossible,
    TaskJob,
    TaskTypes,
    admins_alone,
    load_task_types,
)
from tests.buses import envelope

HERE = "tests.orchestrator.workflow.delegation.test_task_types"


def make_invoice(job: TaskJob) -> dict[str, Any]:
    """What a package would offer."""
    return {"invoice": job.description}


NO_FUNCTION = 5


def offering(monkeypatch: pytest.MonkeyPatch, **names: str) -> None:
    """Packages that offer these are installed."""
    found = [EntryPoint(name=name.replace("__", ":"), value=value, group=GROUP) for name, value in names.items()]
    monkeypatch.setattr(task_types, "entry_points", lambda group: found if group == GROUP else [])


def test_the_types_of_the_ledger_are_there() -> None:
    """Four that the ledger does, and one that nobody can do yet."""
    types = load_task_types(make_invoice)
    assert set(types.handlers) >= {*LEDGER_TASKS, "system:update_factory"}
    assert types.handlers["bootstrap_repo"] is make_invoice
    assert not types.has_own
    assert types.handlers["system:update_factory"] is admins_alone


def test_a_machine_that_takes_no_missions_has_none_of_them() -> None:
    """What it can do is what packages offer."""
    with pytest.raises(TaskImpossible, match="unknown task type in 'coding_task:x'"):
        load_task_types(None).find("coding_task:x")


def test_an_installed_package_adds_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """By an entry point; its function is what does it."""
    offering(monkeypatch, invoice=f"{HERE}:make_invoice", billing__monthly=f"{HERE}:make_invoice")
    types = load_task_types(None)
    assert types.has_own
    assert types.find("invoice: for May ") == ("invoice", "for May", make_invoice)
    assert types.find("billing:monthly:all") == ("billing:monthly", "all", make_invoice)


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("coding_task", f"{HERE}:make_invoice", "not taken"),
        ("system__update_factory", f"{HERE}:make_invoice", "not taken"),
        ("Invoice", f"{HERE}:make_invoice", "small letters"),
        ("in voice", f"{HERE}:make_invoice", "small letters"),
        ("a__b__c", f"{HERE}:make_invoice", "small letters"),
        ("invoice", "no.such.module:thing", "cannot be loaded"),
        ("invoice", f"{HERE}:nothing", "cannot be loaded"),
        ("invoice", f"{HERE}:NO_FUNCTION", "is no function"),
    ],
)
def test_a_package_cannot_replace_or_break_one(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, why: str
) -> None:
    """The node does not start, and says which entry point is wrong."""
    offering(monkeypatch, **{name: value})
    with pytest.raises(WrongSetting, match=why):
        load_task_types(make_invoice)


@pytest.mark.parametrize(
    ("task", "found"),
    [("a:x", ("a", "x")), ("a:b:x", ("a:b", "x")), ("a:bc:x", ("a", "bc:x")), ("a:b", ("a", "b"))],
)
def test_the_longest_name_counts(task: str, found: tuple[str, str]) -> None:
    """A type may have a family's name before it."""
    types = TaskTypes(handlers={"a": make_invoice, "a:b": make_invoice})
    assert types.find(task)[:2] == found


@pytest.mark.parametrize("task", ["b:x", "ab:x", "a", "system:other:x", ":x", "A:x"])
def test_what_is_not_known_names_what_is(task: str) -> None:
    """Nothing is guessed."""
    with pytest.raises(TaskImpossible, match="known are a"):
        TaskTypes(handlers={"a": make_invoice}).find(task)


def test_a_long_unknown_type_is_shown_short() -> None:
    """It goes into dead letters and logs."""
    with pytest.raises(TaskImpossible) as raised:
        TaskTypes().find("x" * 5000 + ":y")
    assert len(str(raised.value)) < 200


def test_an_envelope_of_any_type_is_read() -> None:
    """Whether somebody can do it is said later; what is no envelope is refused with the field that is wrong."""
    assert read_envelope(envelope("a", "paint:it")).payload.task == "paint:it"
    with pytest.raises(WrongSetting, match=r"payload\.task"):
        read_envelope(envelope("a", "paint"))
    with pytest.raises(WrongSetting, match="priority"):
        read_envelope(envelope("a", priority=10))
    with pytest.raises(WrongSetting):
        read_envelope("[]")
