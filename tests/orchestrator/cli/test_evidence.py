"""`mission evidence`, as it is typed: a list, a text, a file where the person said and nowhere else."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from missions.archive_path import archived_files
from missions.evidence.bundle import CaseFailure, SuiteReport
from orchestrator.cli import cli
from tests.kept_evidence import kept_bundle, ledger_files
from tests.missions.attachments.pictures import png

DAY = "2026/11/29"
DONE = b"---\nstatus: done\nnode: desk\nattempt: 1\nepoch: 1\nfinished: 2026-11-29T10:00:00Z\n---\nFix it\n"
REPORT = SuiteReport(path="junit.xml", tests=41, failed=1, failures=(CaseFailure(name="tests.a", says="assert 1"),))
FILES = (("shots/a.png", png()), ("../../run\n.log", b"all \x1b[2Jis well\n"), ("x/../../a.png", png()))


@pytest.fixture
def ledger(desk_clone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with a fleet, in whose ledger one mission has evidence."""
    kept = kept_bundle(*FILES, reports=(REPORT,))
    files = ledger_files("fix", kept, attempt=1, epoch=1, day=DAY)
    for path, data in (files | archived_files("fix", DAY, DONE) | archived_files("bare", DAY, DONE)).items():
        (desk_clone / path).parent.mkdir(parents=True, exist_ok=True)
        (desk_clone / path).write_bytes(data)
    for words in (["add", "--all"], ["commit", "--quiet", "-m", "A result"], ["push", "--quiet"]):
        subprocess.run(["git", *words], cwd=desk_clone, check=True, capture_output=True)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


def typed(*words: str) -> str:
    """What a command prints, as it should."""
    said = CliRunner().invoke(cli, ["mission", "evidence", *words], catch_exceptions=False)
    assert said.exit_code == 0, said.output
    return said.output


def refused(*words: str) -> str:
    """Why a command was refused: one line."""
    error = CliRunner().invoke(cli, ["mission", "evidence", *words]).exception
    assert error is not None
    assert "\n" not in str(error)
    return str(error)


def test_it_lists_what_the_tests_left(ledger: Path) -> None:
    """With sizes and numbers, the tests that were reported, and nothing that moves a cursor."""
    told = typed("fix")
    assert "  1  shots/a.png" in told
    assert "junit.xml: 41 tests, 1 failed" in told
    assert "✗ tests.a: assert 1" in told
    assert told.isascii() or "\x1b" not in told
    shown = json.loads(typed("fix", "--json"))
    assert [one["number"] for one in shown["files"]] == [1, 2, 3]
    assert "left nothing" in typed("bare")
    page = CliRunner().invoke(cli, ["mission", "show", "fix"], catch_exceptions=False).output
    assert "shots/a.png" in page
    assert "mission evidence fix FILE" in page
    assert json.loads(CliRunner().invoke(cli, ["mission", "show", "fix", "--json"]).output)["evidence"] == shown


def test_a_text_is_shown_and_a_picture_is_not(ledger: Path) -> None:
    """By number or by name; what is no text is kept by the command that is told."""
    assert "all" in typed("fix", "2")
    assert "\x1b" not in typed("fix", "2")
    assert "-o PATH" in refused("fix", "shots/a.png")
    for wrong in ("4", "0", "-1", "../x", "²"):
        assert "no file" in refused("fix", "--", wrong)
    assert list(ledger.iterdir()) == []


def test_files_are_kept_where_the_person_said(ledger: Path) -> None:
    """A name of the project's leads nowhere; what is there stays, unless --force says otherwise."""
    typed("fix", "1", "-o", "kept.png")
    assert (ledger / "kept.png").read_bytes() == png()
    (ledger / "kept.png").write_bytes(b"mine")
    assert "is there already" in refused("fix", "1", "-o", "kept.png")
    assert (ledger / "kept.png").read_bytes() == b"mine"
    typed("fix", "1", "-o", "kept.png", "--force")
    assert (ledger / "kept.png").read_bytes() == png()
    typed("fix", "-o", "all")
    assert sorted(path.name for path in (ledger / "all").iterdir()) == ["1-a.png", "2-run.log", "3-a.png"]
    (told,) = json.loads(typed("fix", "3", "-o", ".", "--json"))
    assert told == {"path": "x/../../a.png", "kept": "a.png"}
    assert json.loads(typed("fix", "2", "--json"))["media"] == "text/plain"
    assert (ledger / "a.png").read_bytes() == png()
    assert sorted(path.name for path in ledger.iterdir()) == ["a.png", "all", "kept.png"]
    assert not (ledger.parent / "a.png").exists()
