"""Is every file of a diff still seen where the ledger keeps only a part of it?"""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from missions.lease import Claim, ClaimState
from missions.mission import Mission
from orchestrator.core.ports.agent import Outcome
from orchestrator.ledger.diff_budget import fit_diff
from orchestrator.ledger.result_record import MAX_PART_BYTES
from orchestrator.ledger.result_report import MAX_ARTIFACT_CHARS, EndedAttempt, build_record, redact_artifact
from orchestrator.workflow.approval.diff_view import parse_diff


def part(path: str, added: int, *, line: str = "x") -> str:
    """One new file of a diff."""
    body = "".join(f"+{line}\n" for _ in range(added))
    head = f"diff --git a/{path} b/{path}\nnew file mode 100644\nindex 0000000..1111111\n--- /dev/null\n+++ b/{path}\n"
    return f"{head}@@ -0,0 +1,{added} @@\n{body}"


def test_a_lock_file_hides_nothing() -> None:
    """The small file beside it is kept whole, the large one's number of lines stays true, and the cut stands first."""
    diff = part("package-lock.json", 400_000) + part("zz.py", 1, line="evil()")
    kept = fit_diff(diff, 100_000)
    assert len(kept) < 101_000
    assert kept.startswith("[… of 2 files 1 are not kept whole")
    assert "+evil()" in kept
    lock, small = parse_diff(kept)
    assert (lock.path, lock.added, lock.notes) == ("package-lock.json", 400_000, ("new", "not shown whole"))
    assert (small.path, small.added, small.notes) == ("zz.py", 1, ("new",))


def test_what_is_handed_over_hides_no_file_behind_a_large_one() -> None:
    """A result's record, and a diff that is written into the ledger later, are cut in no other way."""
    diff = part("package-lock.json", 400_000, line="xxx") + part("zz.py", 1, line="evil()")
    claim = Claim(mission="m", blob="0" * 40, node="n1", boot="b", epoch=1, attempt=1, nonce="x")
    attempt = EndedAttempt(
        mission=Mission(name="m", title="M", body="Do it."),
        claim=claim,
        outcome=Outcome(ok=True, summary="Done.", diff=diff),
        state=ClaimState.DONE,
        started=datetime(2026, 11, 30, tzinfo=UTC),
        finished=datetime(2026, 11, 30, tzinfo=UTC),
        final=True,
    )
    kept = build_record(attempt).artifacts["diff"]
    assert kept == redact_artifact(diff)
    assert len(kept) < MAX_ARTIFACT_CHARS + 1000 < len(diff)
    assert [(each.path, each.added) for each in parse_diff(kept)] == [("package-lock.json", 400_000), ("zz.py", 1)]


def test_a_change_of_very_many_files_can_be_handed_over() -> None:
    """Its record can be read back, whole lists of paths stand nowhere, and what is not named is counted."""
    paths = [f"node_modules/some-package-{number}/dist/index.js" for number in range(20_000)]
    diff = "".join(part(path, 1) for path in paths)
    claim = Claim(mission="m", blob="0" * 40, node="n1", boot="b", epoch=1, attempt=1, nonce="x")
    made = build_record(
        EndedAttempt(
            mission=Mission(name="m", title="M", body="Do it."),
            claim=claim,
            outcome=Outcome(ok=True, summary="Done.", diff=diff, files=tuple(paths)),
            state=ClaimState.DONE,
            started=datetime(2026, 11, 30, tzinfo=UTC),
            finished=datetime(2026, 11, 30, tzinfo=UTC),
            final=True,
        )
    )
    assert max(len(data or b"") for data in made.files().values()) < MAX_PART_BYTES // 2
    assert len(made.entry) + len(made.memo) < 50_000
    assert "… and 19,800 more" in made.entry
    assert "… and 19,800 more" in made.memo
    files = parse_diff(made.artifacts["diff"])
    assert sum(each.added for each in files) == len(paths)
    assert files[-1].path == f"({len(paths) - len(files) + 1:,} more files)"
    assert files[-1].notes == ("not shown whole",)


def test_bytes_and_endless_lines_hide_nothing() -> None:
    """Neither a binary file, nor one deleted, nor one line of megabytes."""
    binary = "diff --git a/a.bin b/a.bin\nnew file mode 100644\nGIT binary patch\nliteral 9\n" + "z" * 300_000 + "\n"
    diff = binary + part("app.min.js", 1, line="y" * 300_000) + part("zz.py", 2, line="evil()")
    found = parse_diff(fit_diff(diff, 50_000))
    assert [(each.path, each.added) for each in found] == [("a.bin", 0), ("app.min.js", 1), ("zz.py", 2)]


@given(st.lists(st.integers(0, 300), min_size=1, max_size=12), st.integers(2_000, 30_000))
def test_counts_are_those_of_the_whole(sizes: list[int], budget: int) -> None:
    """Whatever the budget, each file is listed with all its lines, and the same diff is cut the same way."""
    diff = "".join(part(f"f{at}", size, line="word " * 20) for at, size in enumerate(sizes))
    kept = fit_diff(diff, budget)
    assert [(each.path, each.added) for each in parse_diff(kept)] == [(f"f{at}", size) for at, size in enumerate(sizes)]
    assert kept == fit_diff(diff, budget)
    assert len(kept) <= max(budget, sum(len(part(f"f{at}", 0)) for at in range(len(sizes)))) + 100 * (len(sizes) + 1)
