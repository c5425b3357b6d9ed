"""Whatever is typed wrongly, or before there is a fleet: does one line say what is wrong, where, and what to do?"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import click
import pytest

from orchestrator import cli
from orchestrator.cli import terminal
from orchestrator.cli.lazy import LazyGroup


@dataclass(frozen=True)
class Typed:
    """What a command came to."""

    code: int
    out: str
    err: str


Type = Callable[..., Typed]


@pytest.fixture
def typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Type:
    """Types a command on a machine on which nothing was ever set up."""
    for name in [name for name in os.environ if name.startswith(("SHIFTBOOK_", "FACTORY_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("SHIFTBOOK_HOME", str(tmp_path / "node"))
    monkeypatch.setenv("SHIFTBOOK_NODE_ID", "desk")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")

    def run(*words: str) -> Typed:
        capsys.readouterr()
        with monkeypatch.context() as here:
            here.setattr(sys, "argv", ["shiftbook", *words])
            for said in ("_documents", "_error_lines"):
                here.setattr(terminal, said, [])  # as in a process of its own
            with pytest.raises(SystemExit) as ended:
                cli.main()
        said = capsys.readouterr()
        return Typed(code=int(str(ended.value.code)), out=said.out, err=said.err)

    return run


NEEDS_A_LEDGER = [
    "mission list",
    "mission new x",
    "mission show m",
    "mission diff m",
    "mission approve m",
    "mission reject m -m no",
    "mission deliver m",
    "mission cancel m",
    "mission pause m",
    "mission resume m",
    "mission retry m",
    "mission trust m",
    "mission say m words",
    "mission budget m 1",
    "mission adopt m",
    "mission watch m",
    "mission edit m",
    "project list",
    "project show shop",
    "project remove shop",
    "fleet",
    "fleet --cost",
    "fleet who",
    "fleet revoke ada",
    "fleet invite nas",
    "log tail",
    "log show e1",
    "memo list",
    "memo show m1",
    "memo promote m1",
    "digest status",
    "digest run",
    "digest accept --project shop",
    "conflicts list",
    "conflicts show c1",
    "conflicts resolve c1 --kept",
    "ledger recover",
    "audit",
    "node run --once",
]


@pytest.mark.parametrize("words", NEEDS_A_LEDGER)
def test_without_a_ledger_each_verb_says_how_to_get_one(typed: Type, words: str) -> None:
    """One line, no data on standard output, the exit code of a setting that is missing; nothing is made."""
    done = typed(*words.split())
    assert (done.code, done.out) == (2, ""), done
    assert len(done.err.splitlines()) == 1
    assert done.err.startswith("shiftbook: ")
    assert "shiftbook init" in done.err
    assert "shiftbook join" in done.err
    assert not list(Path.cwd().iterdir())


ACTS = {"init", "join", "demo", "chat", "watch", "node run", "update", "token new", "doctor", "restore", "backup"}
ACTS |= {"deploy hq", "deploy worker", "device pair", "device ca", "device nearby", "models check", "models pull"}
"""Commands that do something without a fleet, or take long; so do those of `bench` and `continuity`."""


def commands_with_json() -> Iterator[str]:
    """Every command that has the option, with a word for each argument that it needs."""

    def below(group: LazyGroup, before: str) -> Iterator[tuple[str, click.Command]]:
        for verb in group.table:
            found = group.get_command(click.Context(group), verb)
            assert found is not None
            yield f"{before}{verb}", found
            if isinstance(found, LazyGroup):
                yield from below(found, f"{before}{verb} ")

    assert isinstance(cli.cli, LazyGroup)
    for verb, command in below(cli.cli, ""):
        has_json = any("--json" in each.opts for each in command.params)
        if has_json and verb not in ACTS and not verb.startswith(("bench ", "continuity ")):
            needed = (each for each in command.params if isinstance(each, click.Argument) and each.required)
            yield " ".join([verb, *("7" for _ in needed), "--json"])


def test_whatever_fails_is_told_as_one_json_document(typed: Type) -> None:
    """On standard output, with the exit code, for every command that has --json; for people it is a line as well."""
    seen, own = 0, list[str]()
    for words in commands_with_json():
        done = typed(*words.split())
        told = json.loads(done.out)
        if isinstance(told, dict) and "exit_code" in told:
            assert told["exit_code"] == done.code != 0, words
            assert told["error"].splitlines()[0] in done.err, words
            seen += 1
        elif done.code:
            own.append(words.removesuffix(" --json"))
    assert own == ["handoff check"]  # its findings
    assert seen > 50
    wrong = typed("mission", "list", "--json", "--status", "flying")
    assert json.loads(wrong.out)["exit_code"] == wrong.code == 2
    assert typed("mission", "say", "m", "--", "--json").out == ""


def test_a_node_tells_its_error_as_an_event(typed: Type) -> None:
    """Whoever reads what a node says meets no line of another form, also where the node does not begin."""
    done = typed("node", "run", "--once", "--json")
    told = [json.loads(line) for line in done.out.splitlines()]
    assert [line["event"] for line in told] == ["error"]
    assert told[0]["exit_code"] == done.code == 2
    assert told[0]["error"] == told[0]["text"] == done.err.removeprefix("shiftbook: ").strip()


WRONG = [
    ("mission list --status flying", "'flying' is not one of", "mission list --help"),
    ("mission list --status quede", "Did you mean", "mission list --help"),
    ("mission list --limit -1", "-1 is not in the range x>=0", "mission list --help"),
    ("mission list --limit many", "'many' is not a valid integer", "mission list --help"),
    ("mission list --jsn", "No such option '--jsn'. Did you mean '--json'?", "mission list --help"),
    ("mission approv m", "approv", "approve"),
    ("mission show", "Missing argument 'NAME'", "mission show --help"),
    ("fleet --by hour", "'hour' is not one of 'day', 'node', 'project', 'agent', 'model'", "fleet --help"),
    ("project show", "Missing argument", "project show --help"),
    ("device pair --scope root", "root", "device pair"),
    ("token new", "Missing argument 'NAME'", "token new --help"),
    ("completion csh", "'csh' is not one of", "completion --help"),
    ("models pull", "Missing argument", "models pull --help"),
    ("backup", "Missing argument", "backup --help"),
    ("restore", "Missing argument", "restore --help"),
    ("frobnicate", "No such command 'frobnicate'", "shiftbook --help"),
    ("mision list", "mission", "shiftbook"),
    ("--verion", "No such option '--verion'", "shiftbook inbox --help"),
]


@pytest.mark.parametrize(("words", "says", "helps"), WRONG)
def test_what_is_typed_wrongly_is_said_with_where_the_help_is(typed: Type, words: str, says: str, helps: str) -> None:
    """Exit code 2; the line names the value and what may stand there."""
    done = typed(*words.split())
    assert (done.code, done.out) == (2, ""), done
    assert done.err.startswith("shiftbook: ")
    assert says in done.err
    assert helps in done.err
    assert "Traceback" not in done.err
    assert len(done.err.splitlines()) <= 2


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("SHIFTBOOK_SLOTS", "many", "SHIFTBOOK_SLOTS"),
        ("SHIFTBOOK_SLOTS", "0", "SHIFTBOOK_SLOTS"),
        ("SHIFTBOOK_HTTP", "everywhere", "SHIFTBOOK_HTTP"),
    ],
)
def test_a_wrong_setting_is_named_as_it_is_set(
    typed: Type, monkeypatch: pytest.MonkeyPatch, name: str, value: str, says: str
) -> None:
    """By the variable, in one line, whatever the command."""
    monkeypatch.setenv(name, value)
    for words in ("mission list", "token list"):
        done = typed(*words.split())
        assert done.code == 2
        assert len(done.err.splitlines()) == 1, done.err
        assert done.err.startswith("shiftbook: ")
        assert says in done.err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("token revoke nobody", "nobody"),
        ("token new ci --scope everything", "everything"),
        ("token new ci --days 0", "days"),
        ("device revoke nobody", "shiftbook device list"),
        ("device rename nobody phone", "shiftbook device list"),
        ("device confirm x", ""),
        ("models use no-such-model", ""),
        ("restore {folder}/none.tar", "none.tar"),
        ("check {folder}", "not a clone of a ledger"),
        ("handoff check {folder}/none", "none"),
    ],
)
def test_what_is_not_there_is_said_in_one_line(typed: Type, tmp_path: Path, words: str, says: str) -> None:
    """With an exit code that is not 0, and no traceback."""
    done = typed(*words.format(folder=tmp_path).split())
    assert done.code in (1, 2, 3, 4)
    assert done.err.startswith("shiftbook: "), done
    assert says in done.err
    assert "Traceback" not in done.err
    assert len(done.err.splitlines()) <= 2


@pytest.mark.parametrize(
    ("words", "empty"), [("token list", "[]"), ("device list", "[]"), ("notify list", "")], ids=lambda each: each
)
def test_lists_of_nothing(typed: Type, words: str, empty: str) -> None:
    """For people a sentence with what to do; for programs JSON that they can read."""
    said = typed(*words.split())
    assert said.code == 0
    assert said.out.strip()
    as_json = typed(*words.split(), "--json")
    assert as_json.code == 0
    found = json.loads(as_json.out)
    assert not empty or found == json.loads(empty)
    assert said.err == as_json.err == ""


@pytest.mark.parametrize("words", ["", "mission list", "mission new x", "handoff check", "doctor", "init"])
def test_a_folder_that_was_deleted_is_named(typed: Type, words: str) -> None:
    """By each command, before it looks for anything there; help is had anywhere."""
    Path.cwd().rmdir()
    told = typed(*words.split())
    assert (told.code, told.out) == (2, "")
    says = "it was deleted, or made anew under its name: go into one that is there with `cd`"
    assert told.err == f"shiftbook: the folder that you are in: {says}\n"
    assert (typed("--help").code, typed("mission", "new", "--help").code) == (0, 0)


def test_whoever_reads_no_further_ends_the_command_quietly(tmp_path: Path) -> None:
    """`shiftbook … | head`: no traceback, no complaint of the interpreter."""
    environment = {**os.environ, "HOME": str(tmp_path), "SHIFTBOOK_HOME": str(tmp_path / "node")}
    reading, writing = os.pipe()
    os.close(reading)
    try:
        command = [sys.executable, "-m", "orchestrator", "completion", "bash"]
        done = subprocess.run(
            command, stdout=writing, stderr=subprocess.PIPE, env=environment, text=True, timeout=120, check=False
        )
    finally:
        os.close(writing)
    assert (done.returncode, done.stderr) == (1, "")
