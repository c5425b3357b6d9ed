"""Facts about the parts of an attempt: what is counted, when a round ends, what is told of it."""

from __future__ import annotations

import errno
import threading
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from missions.lease import Claim, ClaimState
from missions.mission import Mission
from orchestrator.core.errors import BrokenLedger, WorkspaceFailed
from orchestrator.core.ports.agent import AgentJob, DiffStat, Outcome
from orchestrator.core.ports.model import Usage
from orchestrator.execution import prompts
from orchestrator.execution.bounds import AttemptLimits, UsageMeter, larger_usage
from orchestrator.execution.free_space import disk_full_reason
from orchestrator.execution.process.output_tail import MAX_PARSED_LINE_BYTES, OutputTail
from orchestrator.execution.proposals import collect_proposals
from orchestrator.execution.verification import ProjectTestResult, WorkCheck
from orchestrator.execution.workspace import agents_md
from orchestrator.execution.workspace.git_tree import count_changes
from orchestrator.ledger.config.fleet_toml import read
from orchestrator.ledger.result_report import EndedAttempt, build_record
from tests.orchestrator.execution.scripted import Purse
from tests.waiting import PATIENCE

PATHS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=20).filter(
    lambda text: not text.startswith(":")
)


@given(st.lists(st.tuples(PATHS, st.integers(0, 999) | st.none(), st.integers(0, 999)), max_size=8))
def test_counts(rows: list[tuple[str, int | None, int]]) -> None:
    """Lines are added up, binaries are named, whatever the paths are called."""
    raw = "".join(f":100644 100755 {'a' * 40} {'b' * 40} M\0{path}\0" for path, _, _ in rows)
    stats = "".join(f"{'-' if a is None else a}\t{'-' if a is None else r}\t{path}\0" for path, a, r in rows)
    found = count_changes((raw + stats).encode())
    assert found.added == sum(a or 0 for _, a, _ in rows)
    assert found.removed == sum(r for _, a, r in rows if a is not None)
    assert found.binaries == tuple(path for path, a, _ in rows if a is None)
    assert found.modes == found.executables == tuple(path for path, _, _ in rows)


def test_an_executable_that_comes_and_one_that_goes() -> None:
    """A new executable is no change of a mode; one that is deleted is neither."""
    line = ":{} {} " + "a" * 40 + " " + "b" * 40 + " {}\0{}\0"
    table = line.format("000000", "100755", "A", "new") + line.format("100755", "000000", "D", "old")
    found = count_changes(table.encode())
    assert (found.modes, found.executables, found.links) == ((), ("new",), ())


def test_the_bill() -> None:
    """Rounds add up; of the program's count and the line's, each number's larger one counts; the meter hears totals."""
    heard: list[Usage] = []

    class Meter(Purse):
        def note(self, usage: Usage) -> None:
            heard.append(usage)

    bill = UsageMeter(Meter(limit=1.0))
    bill.begin()
    bill.tell(Usage(model="m", tokens_in=10, tokens_out=5))
    bill.hear(Usage(model="m", tokens_in=12, tokens_out=4, cost_usd=0.5))
    bill.begin()
    bill.tell(Usage(model="m", tokens_in=1, tokens_out=1, cost_usd=0.25))
    assert bill.total == Usage(model="m", tokens_in=13, tokens_out=6, cost_usd=0.75)
    assert [usage.tokens_in for usage in heard] == [10, 12, 13]


@given(st.integers(0, 99), st.integers(0, 99), st.none() | st.floats(0, 9), st.none() | st.floats(0, 9))
def test_more(one: int, two: int, a: float | None, b: float | None) -> None:
    """Two counts of the same give the same, whichever comes first; an unknown cost is no cost of zero."""
    first, second = Usage(tokens_in=one, cost_usd=a), Usage(tokens_in=two, cost_usd=b)
    assert larger_usage(first, second) == larger_usage(second, first)
    assert (larger_usage(first, second).cost_usd is None) == (a is None and b is None)


def test_a_watch() -> None:
    """It is set by a stop, a budget, the time, or a while after the last event: then no budget counts any more."""
    now, ended, purse = [0.0], [False], Purse(limit=1.0)
    stop = threading.Event()
    bounds = AttemptLimits(stop=stop, usage_meter=UsageMeter(purse), deadline=100.0, linger=30.0, clock=lambda: now[0])
    watch = bounds.watch(lambda: ended[0])
    assert not watch.is_set()
    ended[0], purse.spent = True, 2.0
    assert not watch.is_set()
    now[0] = 29.0
    assert not watch.is_set()
    now[0] = 30.0
    assert watch.is_set()
    assert (watch.hung, watch.over) == (True, "")
    assert bounds.watch().is_set()  # one that has not ended
    timed = AttemptLimits(
        stop=stop, usage_meter=UsageMeter(Purse(limit=1.0)), deadline=100.0, clock=lambda: now[0]
    ).watch(timed=True)
    assert not timed.is_set()
    now[0] = 100.0
    assert timed.is_set()
    assert timed.late
    stop.set()
    assert watch.wait(PATIENCE)


def test_lines_stay_whole(tmp_path: Path) -> None:
    """A tail that is read by a program passes on every line, long ones and those past what is kept; others cut them."""
    data = b"".join(b"%d" % number + b"x" * 10_000 + b"\n" for number in range(50)) + b"last"
    for whole in (True, False):
        path = tmp_path / f"out-{whole}"
        path.write_bytes(data)
        lines: list[str] = []
        with path.open("r+b", buffering=0) as source:
            tail = OutputTail(source, say=lines.append, keep=50_000, whole=whole)
            tail.read()
            tail.close()
        assert (len(lines) == 51) is whole
        assert (max(map(len, lines)) > 10_000) is whole
    assert MAX_PARSED_LINE_BYTES > 1024 * 1024


def test_a_letter() -> None:
    """What is wrong is all told at once, a long output by its two ends; a good verdict has no fault."""
    tests = ProjectTestResult(
        line="make test", passed=False, how="ended with exit code 2", output="a" * 9000 + "THE END"
    )
    verdict = WorkCheck(stray=("x.py",), denials=("Bash: rm",), tests=tests)
    letter = verdict.feedback(("src/**",))
    for words in ("- x.py", "`src/**`", "- Bash: rm", "`make test` ended with exit code 2", "THE END", "left out here"):
        assert words in letter
    assert len(letter) < 8000
    assert verdict.wrong.count(";") == 2
    assert WorkCheck(tests=replace(tests, passed=True)).wrong == ""


def test_a_first_letter(tmp_path: Path) -> None:
    """A comment cannot pass for the task's own words: each of its lines is quoted."""
    mission = Mission(name="m", title="T", body="B")
    job = AgentJob(
        mission=mission, attempt=1, project=None, context="", folder=tmp_path, say=print, comment="a\n# Your task"
    )
    assert "> a\n> # Your task" in prompts.first_prompt(job)
    assert "empty folder" in prompts.first_prompt(job)


def test_a_projects_rules(tmp_path: Path) -> None:
    """What the project's files say comes with the prompt: without what was laid into them, copies once, links named."""
    names = ("AGENTS.md", "CLAUDE.md", "GEMINI.md")
    assert prompts.project_rules(tmp_path, names) == ""
    (tmp_path / "CLAUDE.md").write_text("@AGENTS.md\n\nUse tabs.\n")
    agents_md.write_handoff(tmp_path, "the handoff")
    assert prompts.project_rules(tmp_path, names) == "# The project's own rules\n\n## CLAUDE.md\n\nUse tabs."
    (tmp_path / "AGENTS.md").write_text("Use tabs.")
    (tmp_path / "GEMINI.md").write_bytes(b"\xffNo mocks.")
    assert prompts.project_rules(tmp_path, names).count("Use tabs.") == 1
    assert "\N{REPLACEMENT CHARACTER}No mocks." in prompts.project_rules(tmp_path, names)
    (tmp_path / "CLAUDE.md").unlink()
    (tmp_path / "CLAUDE.md").symlink_to("AGENTS.md")
    assert prompts.project_rules(tmp_path, ("CLAUDE.md",)) == "", "AGENTS.md is read anyway"
    (tmp_path / "secret").write_text("a secret")
    for name in names:
        (tmp_path / name).unlink()
    (tmp_path / "AGENTS.md").symlink_to("secret")
    (tmp_path / "CLAUDE.md").write_text("x" * (prompts.MAX_RULES_BYTES + 1))
    (tmp_path / "GEMINI.md").symlink_to("nowhere")
    rules = prompts.project_rules(tmp_path, names)
    assert "a secret" not in rules
    assert [line for line in rules.splitlines() if line.startswith("Read")] == [
        "Read `AGENTS.md` of the project before anything else.",
        "Read `CLAUDE.md` of the project before anything else.",
    ]


def test_disk(tmp_path: Path) -> None:
    """A full disk is found in what an error came from; other errors are none."""
    inner = OSError(errno.ENOSPC, "No space left on device")
    outer = WorkspaceFailed("no workspace")
    outer.__cause__ = inner
    assert disk_full_reason(tmp_path, outer).startswith("the disk is full: ")
    assert disk_full_reason(tmp_path, WorkspaceFailed("fatal: write error: No space left on device"))
    assert disk_full_reason(tmp_path, OSError(errno.EACCES, "no")) == ""
    assert disk_full_reason(tmp_path / "gone", inner) == ""


def test_no_proposals(tmp_path: Path) -> None:
    """Two names that come to the same are one; a name of which nothing is left is none."""
    (tmp_path / "A b.md").write_text("one")
    (tmp_path / "a-b.md").write_text("two")
    (tmp_path / "….md").write_text("three")
    (tmp_path / "c.md").write_text(" \n")
    found, notes = collect_proposals(tmp_path)
    assert [one.name for one in found] == ["a-b"]
    assert len(notes) == 3
    assert notes[1] == "the proposal c.md was left out: it is empty"


def test_rounds_by_project() -> None:
    """The project's word, else the fleet's, else 2; out of its bounds it is refused with its line."""
    shop, site = b"[projects.shop]\nurl = '/x'\nverify_rounds = 0\n", b"[projects.site]\nurl = '/y'\n"
    text = b"[delegation]\nverify_rounds = 3\n" + shop + site
    charter = read(text)
    assert [charter.verify_rounds(name) for name in ("shop", "site", None)] == [0, 3, 3]
    assert read(b"").verify_rounds(None) == 2
    with pytest.raises(BrokenLedger, match=r"line 5: projects\.shop\.verify_rounds"):
        read(text.replace(b"= 0", b"= 11"))


def test_what_is_told() -> None:
    """The mission's section and the log's entry say who did it, tests, rounds, refusals, cost and what changed."""
    changes = DiffStat(added=12, removed=3, binaries=("a.png",), modes=("b.sh",), executables=("c.sh",), renames=2)
    usage = Usage(model="m-1", backend="api", tokens_in=100, tokens_out=10, cost_usd=0.0312)
    outcome = Outcome(
        ok=False,
        summary="It did.",
        error="was refused: x",
        exit_code=0,
        program="claude 2.1.197",
        sandbox="bubblewrap",
        usage=usage,
        changes=changes,
        files=("a.png",),
        diff="diff",
        tested=False,
        rounds=1,
        denials=tuple(f"Bash: {number}" for number in range(12)),
    )
    mission = Mission(name="fix", title="Fix", body="b", agent="claude")
    claim = Claim(mission="fix", blob="0", node="desk", boot="b", epoch=1, attempt=1, nonce="n")
    attempt = EndedAttempt(
        mission=mission, claim=claim, outcome=outcome, state=ClaimState.FAILED, started=MADE, finished=MADE, final=True
    )
    made = build_record(attempt)
    for words in (
        "done by claude 2.1.197 · sandbox: bubblewrap",
        "+12 −3 lines · 2 renamed · binary: `a.png` · other mode: `b.sh` · new executable: `c.sh`",
        "the project's tests did not pass",
        "went back to its agent 1 time because",
        "refused: Bash: 9",
        "refused: 2 more",
        "m-1 on api: 100 tokens in (0 cached), 10 out · $0.0312",
    ):
        assert words in made.section, words
    assert "The project's tests did not pass." in made.entry
    assert "None" not in made.entry


MADE = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
