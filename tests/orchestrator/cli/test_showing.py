"""A mission's page has its result first, each thing once, and its fields as a table."""

from __future__ import annotations

from dataclasses import replace

import pytest

from missions.document import append_result
from orchestrator.cli.mission import showing
from orchestrator.workflow.mission_detail import MissionDetail
from orchestrator.workflow.mission_view import MissionView

ANSWER = "It is blue. The sky is, too."
TEXT = append_result(
    append_result(
        "---\nproject: shop\nstatus: done\nto: [gpu, desktop]\nnot_before: 2026-12-01T08:00:00Z\nattempt: 2\n---\n"
        "What colour is it?\n\nSay why.\n",
        "### Attempt 1 · failed · desk · 2 s\n\nNothing.\n\n- error: no model",
    ),
    f"### Attempt 2 · done · desk · 1 s\n\nIt is blue.\n\n- 12 tokens\n\n{ANSWER}",
)
VIEW = MissionView(
    name="sky",
    title="What colour is it?",
    status="done",
    path="missions/archive/2026-11/sky.md",
    task="",
    agent="builtin",
)
DETAIL = MissionDetail(
    view=VIEW,
    text=TEXT,
    diff="",
    output="",
    memo=f"## Summary\n\n{ANSWER}",
    memo_path="memos/2026-11/sky-2.md",
    late=(),
)


def page(detail: MissionDetail, capsys: pytest.CaptureFixture[str]) -> str:
    """What is printed into a pipe."""
    showing._print_detail(detail)
    return capsys.readouterr().out


def test_the_result_is_first_and_once(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The newest attempt before the older one; no front matter, no marker, no memo that says the same again."""
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    shown = page(DETAIL, capsys)
    order = ["Attempt 2 · done", ANSWER, "Attempt 1 · failed", "Asked", "Say why.", "Fields"]
    places = [shown.index(words) for words in order]
    assert places == sorted(places)
    assert shown.count("It is blue") == 1
    for raw in ("---", "<!--", "## Result", "Summary"):
        assert raw not in shown


def test_fields_are_a_table(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Without what the entry at the top says; lists and times as a person writes them; where file and memo are."""
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    monkeypatch.setenv("TZ", "UTC")
    fields = page(DETAIL, capsys).partition("Fields\n")[2].splitlines()
    assert fields == [
        "to          gpu, desktop",
        "not_before  2026-12-01 08:00:00 UTC",
        "file        missions/archive/2026-11/sky.md",
        "memo        shiftbook memo show sky-2",
    ]


def test_what_cannot_be_read_is_shown_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    """Also a mission without a result, and a claim whose file is gone."""
    broken = replace(DETAIL, text="---\nagent: [\n---\nx\n", memo_path="")
    assert "agent: [" in page(broken, capsys)
    assert "Attempt" not in page(replace(DETAIL, text="do it\n"), capsys)
    gone = replace(DETAIL, text="", view=replace(VIEW, path=""), memo_path="")
    assert "What colour is it?" in page(gone, capsys)
