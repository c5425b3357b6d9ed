"""The journal's search is measured on files in the form of LoCoMo and LongMemEval, from the file to the table."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from orchestrator.cli import cli
from orchestrator.continuity.recall_data import read_conversations
from orchestrator.continuity.recall_measure import RecallMeasures, measure_recall
from orchestrator.core.errors import WrongSetting
from tests.orchestrator.continuity.recall_files import locomo, long_mem_eval


def written(read: Any, folder: Path) -> Path:
    """A file of it."""
    path = folder / "data.json"
    path.write_text(json.dumps(read), encoding="utf-8")
    return path


def measured(read: Any, folder: Path) -> dict[str, RecallMeasures]:
    """By kind, with a clock that counts seconds."""
    ticks = itertools.count()
    found = measure_recall(read_conversations(written(read, folder)), lambda: float(next(ticks)))
    return {one.kind: one for one in found}


def test_locomo_is_measured_by_turns(tmp_path: Path) -> None:
    """Two turns for one question, a picture's words, one that is not found; what has no answer is not asked."""
    found = measured(locomo(), tmp_path)
    assert {kind: one.questions for kind, one in found.items()} == {"all": 4, "category 1": 1, "category 4": 3}
    assert found["category 1"].found == {5: 1.0, 10: 1.0}
    assert found["category 4"].found[5] == pytest.approx(2 / 3)
    assert found["all"].found[5] == pytest.approx(3 / 4)
    assert found["all"].milliseconds == 1000.0
    assert (found["all"].low, found["all"].high) == (0.0, 1.0)  # one conversation says nothing of others


def test_turns_are_in_their_order_with_their_day(tmp_path: Path) -> None:
    """So that a turn's neighbours are those of the conversation."""
    (one,) = read_conversations(written(locomo(), tmp_path))
    assert [entry.entry_id for entry in one.entries] == ["D1:1", "D1:2", "D1:3", "D2:1", "D2:2"]
    assert one.entries[0].when == "2023-05-08T13:56:00Z"
    assert one.entries[0].sections == (("", "Ada: I planted a walnut tree behind the shed."),)


def test_neighbours_are_counted_beside_the_best(tmp_path: Path) -> None:
    """A turn that has none of the words is found by the turn before it."""
    data = locomo()
    data[0]["qa"] = [{"question": "Which paint for the boat that needs it?", "evidence": ["D1:3"], "category": 2}]
    found = measured(data, tmp_path)["all"]
    assert (found.found[5], found.around[5]) == (0.0, 1.0)


def test_only_the_best_count(tmp_path: Path) -> None:
    """The sixth best entry is not among five, and is among ten."""
    data = locomo()
    talk = [{"dia_id": f"D1:{at}", "speaker": "Ada", "text": "boat " * (9 - at)} for at in range(1, 8)]
    data[0]["conversation"]["session_1"] = talk
    data[0]["conversation"]["session_2"] = []
    data[0]["qa"] = [{"question": "boat", "evidence": ["D1:7"], "category": 4}]
    found = measured(data, tmp_path)["all"]
    assert found.found == {5: 0.0, 10: 1.0}


def test_long_mem_eval_is_measured_by_sessions(tmp_path: Path) -> None:
    """Each question in its own sessions, oldest first; one without an answer is not asked."""
    path = written(long_mem_eval(), tmp_path)
    assert [entry.entry_id for entry in read_conversations(path)[0].entries] == ["s-1", "s-2"]
    found = measured(long_mem_eval(), tmp_path)
    assert {kind: one.questions for kind, one in found.items()} == {"all": 1, "single-session-user": 1}
    assert found["all"].found == {5: 1.0, 10: 1.0}


@pytest.mark.parametrize("read", [locomo, long_mem_eval])
def test_the_command_prints_a_table_or_data(read: Any, tmp_path: Path) -> None:
    """As docs/continuity.md says it is typed."""
    path = written(read(), tmp_path)
    shown = CliRunner().invoke(cli, ["continuity", "recall", str(path)])
    assert shown.exit_code == 0, shown.exception
    assert shown.stdout.splitlines()[0].split()[:4] == ["kind", "questions", "R@5", "(±1)"]
    told = json.loads(CliRunner().invoke(cli, ["continuity", "recall", str(path), "--json"]).stdout)
    assert told[0]["kind"] == "all"
    assert len(told) == len(shown.stdout.splitlines()) - 1


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[", "cannot be read"),
        ("{}", "no list of conversations"),
        ("[1]", "neither LoCoMo nor LongMemEval"),
        ('[{"sample_id": "x"}]', "neither LoCoMo nor LongMemEval: KeyError"),
        ('[{"sample_id": "x", "conversation": {}, "qa": []}]', "no question with evidence"),
    ],
)
def test_another_file_is_refused_in_one_line(text: str, says: str, tmp_path: Path) -> None:
    """What, where, why."""
    path = tmp_path / "data.json"
    path.write_text(text, encoding="utf-8")
    done = CliRunner().invoke(cli, ["continuity", "recall", str(path)])
    assert isinstance(done.exception, WrongSetting)
    assert says in str(done.exception)
    assert str(path) in str(done.exception)


def test_a_time_in_another_form_is_told(tmp_path: Path) -> None:
    """Not guessed."""
    data = locomo()
    data[0]["conversation"]["session_1_date_time"] = "yesterday"
    with pytest.raises(WrongSetting, match="'yesterday' is no time"):
        read_conversations(written(data, tmp_path))
