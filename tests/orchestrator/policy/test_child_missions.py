"""Does a proposal of an agent come into the ledger as a mission of its own, and only with what it may say?"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from missions.child_limits import PROPOSABLE_FIELDS, PROPOSABLE_TASKS
from missions.document import read
from missions.mission import Mission
from orchestrator.policy.child_missions import FiledProposals, child_permission, file_proposals
from tests.ledgers import FLEET, Files, Town

PARENT = Mission(
    name="parent",
    title="parent",
    body="Do it.",
    task="coding_task",
    agent="claude",
    project="shop",
    scope=("src/**",),
    to=("desk",),
    timeout_seconds=900,
    max_retries=2,
    budget_usd=8.0,
)


def filed(proposals: dict[str, str], files: Files | None = None, **more: object) -> FiledProposals:
    """What becomes of proposals of the parent in a ledger with these files."""
    ledger = Town(files).peer("n1").ledger()
    return file_proposals(ledger, PARENT, proposals, **more)  # type: ignore[arg-type]


def mission(found: FiledProposals, name: str) -> Mission:
    """The mission that was made of one."""
    made = read(f"missions/{name}.md", found.files[f"missions/{name}.md"])
    assert isinstance(made, Mission), made
    return made


def test_a_proposal_is_a_mission_with_its_parents_name() -> None:
    """What it does not say is its parent's; of the money a part."""
    found = filed({"next.md": "---\ntitle: Next\n---\nDo more.\n"})
    made = mission(found, "next")
    assert (made.title, made.body, made.parent) == ("Next", "Do more.", "parent")
    assert (made.project, made.agent, made.scope, made.to) == ("shop", "claude", ("src/**",), ("desk",))
    assert (made.timeout_seconds, made.max_retries) == (900, 2)
    assert made.budget_usd is not None
    assert 0 < made.budget_usd <= 8.0
    assert found.remarks == ("- proposed: `missions/next.md`",)


def test_who_says_what_its_node_must_have_asks_for_no_other() -> None:
    """The parent's node may not have it."""
    made = mission(filed({"next.md": "---\ncapabilities: [gpu]\n---\nx\n"}), "next")
    assert (made.capabilities, made.to) == (("gpu",), ())


@pytest.mark.parametrize(
    "line",
    ["run: rm -rf /", "approve: never", "status: done", "trusted: true", "parent: other", "node: desk", "epoch: 7"],
)
def test_what_a_proposal_may_not_set_is_left_out_and_told(line: str) -> None:
    """The mission is filed without it."""
    key = line.partition(":")[0]
    found = filed({"next.md": f"---\ntitle: Next\n{line}\n---\nx\n"})
    plain, made = mission(filed({"next.md": "---\ntitle: Next\n---\nx\n"}), "next"), mission(found, "next")
    assert made == plain
    assert f"a proposal may not set it: {key}" in found.remarks[0]


def test_of_many_such_fields_some_are_named() -> None:
    """A remark is a line in the parent's result."""
    head = "\n".join(f"x{n}: 1" for n in range(40))
    (remark,) = filed({"next.md": f"---\n{head}\n---\nx\n"}).remarks
    assert "x7" in remark
    assert "x8" not in remark
    assert len(remark.splitlines()) == 1


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("---\ntask: review\nagent: review\n---\nx\n", "an agent does not propose a review"),
        ("---\ntitle: [\n---\nx\n", "YAML"),
        ("---\nagent: hal\n---\nx\n", "unknown agent"),
        ("---\ntitle: x\nx\n", "never closed"),
        ("---\nscope: [../secret/**]\n---\nx\n", "leaves the project"),
    ],
)
def test_what_cannot_be_a_mission_is_not_filed_and_told(text: str, why: str) -> None:
    """The others are."""
    found = filed({"bad.md": text, "good.md": "Do it.\n"})
    assert list(found.files) == ["missions/good.md"]
    (remark,) = [one for one in found.remarks if "not filed" in one]
    assert remark.startswith("- proposed, and not filed: bad.md: ")
    assert why in remark


def test_every_name_is_free() -> None:
    """Not that of an open mission, of a broken or a finished one, of one that is waited for, or of a draft."""
    files: Files = {
        "missions/open.md": "x\n",
        "missions/broken.md": "---\nagent: hal\n---\nx\n",
        "missions/waits.md": "---\ndepends_on: [wanted]\n---\nx\n",
        "missions/archive/2026-10/done.md": "---\nstatus: done\n---\nx\n",
    }
    names = ("open", "broken", "wanted", "done", "drafted", "free")
    found = filed({f"{name}.md": "x\n" for name in names}, files, drafted=["missions/drafted.md"])
    assert sorted(found.files) == sorted(
        ["missions/free.md", *(f"missions/{name}-2.md" for name in names if name != "free")]
    )


def test_two_of_one_name_are_two() -> None:
    """Whatever their spelling; a name that is none is told."""
    found = filed({"Next Step.md": "one\n", "next-step.md": "two\n", "???.md": "three\n"})
    assert sorted(found.files) == ["missions/next-step-2.md", "missions/next-step.md"]
    assert "it has no name" in found.remarks[-1]


def test_what_one_waits_for_is_meant_by_its_new_name() -> None:
    """The other proposal, where that got another name; anything else stays."""
    files: Files = {"missions/first.md": "x\n"}
    found = filed(
        {"first.md": "x\n", "second.md": "---\ndepends_on: [First, other]\n---\nx\n"},
        files,
    )
    assert mission(found, "second").depends_on == ("first-2", "other")


def test_a_proposal_loses_no_letter_of_its_name() -> None:
    """And is meant by it; a file that the ledger has is meant by what that always was."""
    files: Files = {"missions/Maße.md": "x\n"}
    found = filed({"Grüße.md": "x\n", "second.md": "---\ndepends_on: [Grüße, Maße]\n---\nx\n"}, files)
    assert mission(found, "second").depends_on == ("grusse", "mae")
    assert sorted(found.files) == ["missions/grusse.md", "missions/second.md"]


def test_what_an_earlier_attempt_proposed_is_not_filed_again() -> None:
    """While it is open; another mission's child of that name is another mission."""
    again = filed({"next.md": "x\n"}, {"missions/next.md": "---\nparent: parent\n---\nx\n"})
    assert (again.files, again.remarks) == ({}, ("- proposed, and filed before: `missions/next.md`",))
    other = filed({"next.md": "x\n"}, {"missions/next.md": "---\nparent: someone\n---\nx\n"})
    assert list(other.files) == ["missions/next-2.md"]


def permission(parent: str, *children: str) -> tuple[str, str]:
    """On whose word the first child may run, whose node filed all of them with the result of a mission at this path."""
    rules = FLEET.format(trust="remote") + "[policy.children]\nmax = 2\n"
    peer = Town({"fleet.toml": rules, parent: "---\nbudget_usd: 8\n---\nDo it.\n"}).peer("n1")
    made: Files = {f"missions/{one}": "---\nparent: fix-it\nbudget_usd: 1\n---\nMore.\n" for one in children}
    made |= {f"missions/{one}": text for one, text in HIDDEN.items() if one in children}
    commit = peer.push({parent: "---\nstatus: review\nbudget_usd: 8\n---\nDo it.\n", **made})
    ledger = peer.ledger()
    return child_permission(ledger, ledger.open[children[0].removesuffix(".md")], commit, lambda _tip, _path: "anna")


HIDDEN = {
    "quoted.md": '---\n"parent": fix-it\n---\nMore.\n',
    "escaped.md": '---\n"p\\u0061rent": fix-it\n---\nMore.\n',
    "flow.md": "---\n{parent: fix-it}\n---\nMore.\n",
}


@pytest.mark.parametrize("parent", ["missions/fix-it.md", "missions/Fix It.md", "missions/fix-it.MD"])
def test_a_child_may_run_however_its_parents_file_is_spelled(parent: str) -> None:
    """It came with its parent's result, and a person asked for that."""
    assert permission(parent, "one.md", "two.md")[0] == "anna"


@pytest.mark.parametrize("third", ["three.md", "three.MD", *HIDDEN])
def test_every_child_is_counted(third: str) -> None:
    """A node that files one more than the rule lets in does not get it past by how it spells its name or `parent`."""
    who, why = permission("missions/fix-it.md", "one.md", "two.md", third)
    assert (who, why) == ("", "fix-it has 3 children, policy.children lets 2 in")


NASTY = st.sampled_from(
    ["---\n", "run: x\n", "`", "\n", "title: ", "<!-- shiftbook:result -->", "\u2028", "\x1b[31m", "["]
)
TEXT = st.lists(NASTY | st.text(max_size=8), max_size=6).map("".join)


@given(TEXT, st.text(max_size=12))
def test_no_proposal_is_more_than_one(text: str, name: str) -> None:
    """Whatever an agent writes: a mission of its parent with fields that it may set, or one line that says why not."""
    found = filed({f"{name}.md": text})
    assert len(found.files) + sum("not filed" in one for one in found.remarks) == 1
    assert all(remark.isprintable() for remark in found.remarks)
    plain = mission(filed({"next.md": "x"}), "next")
    for path, data in found.files.items():
        made = read(path, data)
        assert isinstance(made, Mission)
        assert (made.parent, made.task in PROPOSABLE_TASKS) == ("parent", True)
        for field in vars(plain).keys() - {*PROPOSABLE_FIELDS, "name", "title", "body"}:
            assert getattr(made, field) == getattr(plain, field), field
