"""Is a training set what was accepted and what was not, in the shapes that trainers read, and nothing else?"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from handoff.entry import Entry
from missions.archive_path import archive_path
from orchestrator.core.errors import WrongSetting
from orchestrator.workflow.journal.training_set import (
    MAX_DIFF_CHARS,
    TrainingSet,
    TrainingShape,
    json_line,
    write_rows,
)
from tests.journals import SHOP_LOG, log
from tests.ledgers import Town

AWS = "AKIAQ3EGRLR7ZCW5JT2K"
CONSENT = "CC-BY-4.0, all who worked on it agreed"
FACTS = ("id", "mission", "project", "agent", "model", "when", "accepted_by", "consent", "commit")
SAID = {
    "type": "array",
    "minItems": 1,
    "items": {
        "type": "object",
        "required": ["role", "content"],
        "properties": {
            "role": {"enum": ["system", "user", "assistant"]},
            "content": {"type": "string", "minLength": 1},
        },
        "additionalProperties": False,
    },
}
TEXT = {"type": "string"}
SCHEMAS = {
    TrainingShape.SFT: {"messages": SAID, **dict.fromkeys(FACTS, TEXT)},
    TrainingShape.DPO: {
        **dict.fromkeys(("prompt", "chosen", "rejected"), SAID),
        **dict.fromkeys((*FACTS, "rejected_id", "rejected_model"), TEXT),
        "rejected_because": {"enum": ["failed", "sent back", "not chosen"]},
    },
}


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """What stands in the journal of one attempt."""

    mission: str
    epoch: int
    work: str
    blocked: str = ""
    model: str = "m1"

    @property
    def entry(self) -> Entry:
        sections = (
            ("Starting Context", f"Mend it (attempt {self.epoch})"),
            ("Work Accomplished", self.work),
            ("Blockers", self.blocked),
        )
        return Entry(
            entry_id=f"{self.mission}-{self.epoch}",
            when=f"2026-11-{20 + self.epoch}T08:00:00Z",
            node="desk",
            agent="builtin",
            model=self.model,
            mission=self.mission,
            sections=tuple((name, text) for name, text in sections if text),
        )


def archived(name: str, *, epoch: int = 1, status: str = "done", front: str = "", body: str = "Mend the door\n") -> str:
    return f"---\nstatus: {status}\nproject: shop\nepoch: {epoch}\n{front}---\n{body}"


def ledger_of(*attempts: Attempt, files: dict[str, str] | None = None, **missions: str) -> Town:
    filed = {f"missions/archive/2026-11/{name.replace('_', '-')}.md": text for name, text in missions.items()}
    return Town({SHOP_LOG: log(*(one.entry for one in attempts)), **filed, **(files or {})})


def examples(town: Town, shape: TrainingShape = TrainingShape.SFT, **chosen: Any) -> TrainingSet:
    return TrainingSet(ledger=town.peer("ada").ledger(), shape=shape, consent=CONSENT, **chosen)


BOTH = (
    Attempt(mission="door", epoch=1, work="Nailed it shut.", model="m0"),
    Attempt(mission="door", epoch=2, work="It broke.", blocked="- exit code 1"),
    Attempt(mission="door", epoch=3, work=f"Mended it with {AWS}."),
)
DOOR = archived("door", epoch=3, front="decision: approved\ndecided_by: ada\nrejections: 1\ncomment: It must open\n")


@pytest.mark.parametrize("shape", TrainingShape)
def test_every_row_has_the_shape_that_trainers_read(shape: TrainingShape) -> None:
    """Lists of turns by role, and facts as texts, the same in each row: a table can be made of it."""
    town = ledger_of(replace(BOTH[0], model=AWS), *BOTH[1:], door=DOOR)
    schema = {
        "type": "object",
        "properties": SCHEMAS[shape],
        "required": [*SCHEMAS[shape]],
        "additionalProperties": False,
    }
    rows = list(examples(town, shape).rows())
    assert rows
    for row in rows:
        Draft202012Validator(schema).validate(json.loads(json_line(row)))
        assert row["consent"] == CONSENT
        assert AWS not in json_line(row).decode()
    assert list(map(json_line, examples(town, shape).rows())) == list(map(json_line, rows))


def test_an_example_is_what_was_asked_and_the_result_that_was_accepted() -> None:
    """With what a person said of the attempt before, which the accepted one had read."""
    (row,) = examples(ledger_of(*BOTH, door=DOOR)).rows()
    assert [turn["role"] for turn in row["messages"]] == ["system", "user", "assistant"]
    assert row["messages"][1]["content"] == "Mend the door\n\nA person said of the attempt before: It must open"
    assert row["messages"][2]["content"].startswith("Mended it with ")
    assert (row["id"], row["accepted_by"], row["project"], row["model"]) == ("door-3", "person", "shop", "m1")


def test_a_preference_is_the_accepted_result_beside_each_that_was_not() -> None:
    """Of one request: what a person sent back, what failed, what was not chosen of several side by side."""
    beside = (
        Attempt(mission="gate-a1", epoch=1, work="Painted."),
        Attempt(mission="gate-a2", epoch=1, work="Oiled."),
        Attempt(mission="gate-a3", epoch=1, work="Oiled."),
    )
    town = ledger_of(
        *BOTH,
        *beside,
        door=DOOR,
        gate_a1=archived("gate-a1", status="cancelled", front="group: gate\n"),
        gate_a2=archived("gate-a2", front="group: gate\n"),
        gate_a3=archived("gate-a3", status="cancelled", front="group: gate\n"),
    )
    rows = list(examples(town, TrainingShape.DPO).rows())
    assert [(row["id"], row["rejected_id"], row["rejected_because"]) for row in rows] == [
        ("gate-a2-1", "gate-a1-1", "not chosen"),
        ("door-3", "door-1", "sent back"),
        ("door-3", "door-2", "failed"),
    ]
    assert all(row["prompt"][-1] == {"role": "user", "content": "Mend the door"} for row in rows)
    assert rows[1]["rejected"] == [{"role": "assistant", "content": "Nailed it shut."}]
    assert rows[1]["rejected_model"] == "m0"


def test_the_diff_comes_with_the_words_unless_it_is_too_long() -> None:
    """As the archive kept it, in a fence that it cannot end."""
    path = archive_path("door", "2026/11/21", "1.diff")
    one = Attempt(mission="door", epoch=1, work="Mended it.")
    (row,) = examples(ledger_of(one, files={path: "+a\n+```\n"}, door=archived("door"))).rows()
    assert row["messages"][2]["content"] == "Mended it.\n\n````diff\n+a\n+```\n````"
    (row,) = examples(ledger_of(one, files={path: "+" * (MAX_DIFF_CHARS + 1)}, door=archived("door"))).rows()
    assert row["messages"][2]["content"] == "Mended it."


@pytest.mark.parametrize(
    ("attempts", "mission", "why"),
    [
        ((Attempt(mission="door", epoch=1, work="x"),), archived("door", status="cancelled"), {}),
        (
            (Attempt(mission="door", epoch=1, work="x"),),
            archived("door", epoch=2),
            {"no attempt of a model stands in the journal for it": 1},
        ),
        (
            (Attempt(mission="door", epoch=1, work="x", model=""),),
            archived("door"),
            {"no attempt of a model stands in the journal for it": 1},
        ),
        (
            (Attempt(mission="door", epoch=1, work="x"),),
            archived("door", front="adopted_by: ada\n"),
            {"no attempt of a model stands in the journal for it": 1},
        ),
        ((Attempt(mission="door", epoch=1, work="", blocked="x"),), archived("door"), {"it says nothing": 1}),
    ],
    ids=["not accepted", "another attempt's", "no model", "adopted late", "silent"],
)
def test_what_is_no_row_is_counted_with_its_reason(
    attempts: tuple[Attempt, ...], mission: str, why: dict[str, int]
) -> None:
    """Nothing is taken for accepted work that the ledger does not say so of."""
    found = examples(ledger_of(*attempts, door=mission))
    assert list(found.rows()) == []
    assert dict(found.skipped) == why


def test_work_is_chosen_by_day_and_project() -> None:
    """The day on which the accepted attempt ended."""
    town = ledger_of(*BOTH, door=DOOR)
    assert [row["id"] for row in examples(town, since="2026-11-23").rows()] == ["door-3"]
    assert list(examples(town, since="2026-11-24").rows()) == []
    assert list(examples(town, project="other").rows()) == []


def test_a_file_is_written_whole_or_not_at_all_and_replaces_none_unasked(tmp_path: Path) -> None:
    """Also where reading the ledger fails in the middle; nothing half is left beside it."""
    path = tmp_path / "set.jsonl"
    assert write_rows(path, [{"a": "ä\ud800"}], force=False) == 1
    assert path.read_text(encoding="utf-8") == '{"a": "ä?"}\n'
    with pytest.raises(WrongSetting, match="--force"):
        write_rows(path, [{"a": 2}], force=False)

    def breaks() -> Any:
        yield {"a": 3}
        raise KeyError("lost")

    for force in (False, True):
        with pytest.raises((KeyError, WrongSetting)):
            write_rows(path, breaks(), force=force)
    assert path.read_text(encoding="utf-8") == '{"a": "ä?"}\n'
    assert write_rows(path, [{"a": 4}, {"a": 5}], force=True) == 2
    assert [one.name for one in tmp_path.iterdir()] == ["set.jsonl"]


def test_whoever_takes_the_name_meanwhile_keeps_it(tmp_path: Path) -> None:
    """Looking first is not enough: two may write at once."""
    path = tmp_path / "set.jsonl"

    def meanwhile() -> Any:
        yield {"a": 1}
        path.write_text("theirs", encoding="utf-8")

    with pytest.raises(WrongSetting, match="there already"):
        write_rows(path, meanwhile(), force=False)
    assert path.read_text(encoding="utf-8") == "theirs"


def test_only_an_ordinary_file_is_replaced(tmp_path: Path) -> None:
    """A link or a folder is what somebody made for something else."""
    (tmp_path / "theirs").write_text("theirs", encoding="utf-8")
    (tmp_path / "link").symlink_to(tmp_path / "theirs")
    for place in (tmp_path / "link", tmp_path):
        with pytest.raises(WrongSetting, match="no ordinary file"):
            write_rows(place, [{"a": 1}], force=True)
    assert (tmp_path / "link").is_symlink()
    with pytest.raises(WrongSetting, match="cannot be written"):
        write_rows(tmp_path / "none" / "x", [{"a": 1}], force=False)


@pytest.mark.nightly
@pytest.mark.parametrize("shape", TrainingShape)
def test_the_library_that_trainers_use_loads_it(shape: TrainingShape, tmp_path: Path) -> None:
    """`datasets` makes a table of the file, with the same turns; it reads a time as one, and not as text. Skipped where
    it is not installed."""
    datasets = pytest.importorskip("datasets")
    path = tmp_path / "set.jsonl"
    rows = list(examples(ledger_of(*BOTH, door=DOOR), shape).rows())
    write_rows(path, rows, force=False)
    loaded = datasets.load_dataset("json", data_files=str(path), split="train", cache_dir=str(tmp_path / "cache"))
    read = [row | {"when": f"{row['when']:%Y-%m-%dT%H:%M:%SZ}"} for row in loaded.to_list()]
    assert read == rows
