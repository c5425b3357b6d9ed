"""Is everything that the fleet would not take said before it is pushed, all at once, with file, line and an example?"""

from __future__ import annotations

import pytest

from orchestrator.core.errors import BrokenLedger
from orchestrator.ledger.config import fleet_toml
from orchestrator.ledger.file_check import FileProblem, check_files
from sync.memory_remote import MemoryStore
from sync.objects import edit_tree
from tests.ledgers import Keys

CHARTER = '[bus]\nbeat_seconds = 10\n[projects.shop]\nurl = "/srv/shop.git"\n'


def looked(keys: Keys, files: dict[str, str | None]) -> list[FileProblem]:
    """What is wrong with a ledger that has these files instead of good ones."""
    good = {"fleet.toml": CHARTER, "allowed_signers": keys.signers(anna=("admin",)), "missions/m.md": "Do it.\n"}
    store = MemoryStore()
    there = {path: text.encode() for path, text in (good | files).items() if text is not None}
    tree = edit_tree(store, None, there)
    assert tree is not None
    return check_files(store, tree)


def test_a_good_ledger_has_nothing_wrong(keys: Keys) -> None:
    """Nor what is no mission at all."""
    fine = {"missions/README.md": "Read me.\n", "missions/.x": "", "missions/n.md": "---\nproject: shop\n---\nDo.\n"}
    assert looked(keys, dict(fine)) == []


def test_all_that_is_wrong_with_fleet_toml_is_said_at_once(keys: Keys) -> None:
    """A wrong time does not hide behind a wrong time zone, nor one table behind another."""
    text = """\
[bus]
beat_secnds = 10
[review]
cron = "0 3 * *"
timezone = "Europe/Berln"
[projects.shop]
on_approval = "merg"
[budget]
day_usd = -1
"""
    found = looked(keys, {"fleet.toml": text})
    assert [(one.place, one.says.partition(":")[0]) for one in found] == [
        ("fleet.toml:2", "bus.beat_secnds"),
        ("fleet.toml:3", "review"),
        ("fleet.toml:6", "projects.shop.url"),
        ("fleet.toml:7", "projects.shop.on_approval"),
        ("fleet.toml:9", "budget.day_usd"),
    ]
    assert "not five" in found[1].says
    assert "Europe/Berln" in found[1].says
    assert [one.example for one in found] == [
        "beat_seconds = …",
        'cron = "0 3 * * *" and timezone = "Europe/Berlin"',
        'url = "git@example.com:me/shop.git"',
        'on_approval = "nothing"',
        "day_usd = 10",
    ]


@pytest.mark.parametrize(
    ("table", "line", "example"),
    [
        ("policy.auto_approve", "max_linez = 3", "max_lines = …"),
        ("policy.tasks.coding_task", "auto_wurd = true", "auto_word = …"),
        ("projects.url.policy.children", "shaer = 0.5", "share = …"),
        ("projects.shop.policy.standing", "proven = 9999", "proven = 10"),
        ("suppliers.news", "every_minutes = 1", "every_minutes = 60"),
        ("[suppliers.news.rules]", "top = 50", "top = 1"),
        ("nodes.vm.divisions.coder", "voize = 'x'", "voice = …"),
        ("notify", "kinds = [['review']]", 'kinds = ["review", '),
    ],
)
def test_an_example_is_of_the_table_that_is_meant(keys: Keys, table: str, line: str, example: str) -> None:
    """Also of one that has a name of its own, stands in a list, has rules of its own, or need not be there."""
    found = looked(keys, {"fleet.toml": f"[{table}]\n{line}\n"})
    assert [one.example[: len(example)] for one in found if line.split()[0] in one.says] == [example]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("[bus\n", "fleet.toml:1"),
        ("a = 1\n\nb = \n", "fleet.toml:3"),
        ('a = """\n', "fleet.toml:2"),
        (None, "fleet.toml"),
    ],
)
def test_what_is_no_toml_is_said_with_its_line(keys: Keys, text: str | None, place: str) -> None:
    """Missions are looked at all the same, but for projects, which nobody can tell."""
    found = looked(keys, {"fleet.toml": text, "missions/n.md": "---\nproject: x\npriority: 99\n---\nDo.\n"})
    assert [one.place for one in found] == [place, "missions/n.md:3"]


def test_a_wrong_line_of_keys_is_said_with_its_number(keys: Keys) -> None:
    """A key that was cut, a role that there is not, a line without a name; a comment is none of these."""
    good = keys.signers(anna=("admin", "author"))
    cut = keys.line("bob", "author")[:-9]
    lines = (
        f"# people\n{good}\n{cut}\neve,role=autor {keys['eve'].public}\n{keys['n1'].public}\nzoe {keys['zoe'].public}\n"
    )
    found = looked(keys, {"allowed_signers": lines})
    assert [one.place for one in found] == [f"allowed_signers:{line}" for line in (4, 5, 6, 7)]
    assert "role=autor grants nothing" in found[1].says
    nobody = looked(keys, {"allowed_signers": keys.signers(bob=("author",))})
    assert [(one.place, "names no admin" in one.says) for one in nobody] == [("allowed_signers", True)]


def test_missions_are_judged_as_nodes_judge_them(keys: Keys) -> None:
    """All fields of each, unknown projects, circles, two files of one name; the example is the nearest word."""
    files = {
        "missions/a.md": "---\nagnt: x\npriority: 99\n---\nDo.\n",
        "missions/b.md": "---\nagent: comand\n---\nDo.\n",
        "missions/c.md": "---\nproject: shopp\n---\nDo.\n",
        "missions/d.md": "---\ndepends_on: [d]\n---\nDo.\n",
        "missions/M.md": "Again.\n",
        "missions/e.txt": "Do.\n",
    }
    found = looked(keys, dict(files))
    assert {(one.place, one.example) for one in found} == {
        ("missions/M.md", ""),
        ("missions/a.md:2", "agent: …"),
        ("missions/a.md:3", ""),
        ("missions/b.md:2", "agent: command"),
        ("missions/c.md", ""),
        ("missions/d.md", ""),
        ("missions/e.txt", ""),
    }


def test_what_the_check_lets_through_the_fleet_takes(keys: Keys) -> None:
    """The same words as those of a node that finds it later, first thing first."""
    text = "[bus]\nlease_beats = 1\n"
    with pytest.raises(BrokenLedger) as said:
        fleet_toml.read(text.encode())
    found = looked(keys, {"fleet.toml": text})[0]
    assert str(said.value) == f"fleet.toml, line {found.line}: {found.says}"
