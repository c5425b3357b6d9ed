"""The command line names its commands in tables, and loads one when it is run."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from missions.agents.agent_names import AGENTS, REVIEW, UPDATE_AGENT
from orchestrator.cli import cli, main
from orchestrator.cli.lazy import LazyGroup

Words = tuple[str, ...]

LIGHT = {
    "missions.errors",
    "sync.errors",
    "orchestrator.api.auth.scopes",
    "orchestrator.app.wiring",
    "orchestrator.core.environment",
    "orchestrator.core.errors",
    "orchestrator.workflow.reading.status_order",
    "orchestrator.workflow.spending.group_keys",
}
"""What a command may load of the product for its help: it holds no more than names, errors and who makes what."""


def _groups(group: LazyGroup, words: Words = ()) -> Iterator[tuple[Words, LazyGroup]]:
    yield words, group
    for verb in group.table:
        inner = group.get_command(click.Context(group), verb)
        if isinstance(inner, LazyGroup):
            yield from _groups(inner, (*words, verb))


assert isinstance(cli, LazyGroup)
GROUPS = dict(_groups(cli))
OLDER_NAMES = {"review": "digest"}
ENTRIES = [(words, verb) for words, group in GROUPS.items() for verb in group.table]


@pytest.mark.parametrize(("words", "verb"), ENTRIES, ids=lambda each: each if isinstance(each, str) else " ".join(each))
def test_every_entry_leads_to_its_command(words: Words, verb: str) -> None:
    """Of its name, but for older names, which are hidden; its own help says what it is for, in the same person."""
    group = GROUPS[words]
    command = group.get_command(click.Context(group), verb)
    assert command is not None
    assert command.name == OLDER_NAMES.get(verb, verb)
    sentence = group.table[verb][1]
    for said in (sentence, command.get_short_help_str(limit=1000)):
        assert not said or re.match(r"[A-Z][a-z]+s\b", said), said
        assert not said or said.endswith(".")


@pytest.mark.parametrize("words", GROUPS, ids=lambda words: " ".join(words) or "shiftbook")
def test_no_line_of_a_help_breaks(words: Words) -> None:
    """At 80 columns each verb has one line, none is cut, and each that people type is in one section."""
    shown = CliRunner().invoke(cli, [*words, "--help"], terminal_width=80).stdout
    group = GROUPS[words]
    listed = [verb for verbs in group.sections.values() for verb in verbs]
    assert sorted(listed) == sorted(set(listed))
    for verb, (_, sentence) in group.table.items():
        assert (verb in listed) == bool(sentence)
        assert not sentence or re.search(rf"^  {verb} +{re.escape(sentence)}$", shown, re.MULTILINE)
        assert len(sentence) <= 60


@pytest.mark.parametrize("words", [words for words, group in GROUPS.items() if group.default and words])
def test_a_group_alone_does_what_is_done_most(words: Words) -> None:
    """Its list, with options of its own; a wrong option is told as the list's."""
    default = GROUPS[words].default
    told = CliRunner().invoke(cli, [*words, "--nonsense"])
    assert told.exit_code == 2
    assert f"{' '.join(words)} {default} [OPTIONS]" in told.stderr


def test_completion_is_printed_for_each_shell() -> None:
    """What it prints names the program and the variable that click looks for."""
    for shell in ("bash", "zsh", "fish"):
        lines = CliRunner().invoke(cli, ["completion", shell])
        assert lines.exit_code == 0
        assert "_SHIFTBOOK_COMPLETE" in lines.stdout


def _loaded(calls: list[Words]) -> set[str]:
    """The modules that are loaded when another Python has printed the help of these commands."""
    script = (
        "import sys\n"
        "from orchestrator.cli import cli\n"
        f"for words in {calls!r}:\n"
        "    cli.main([*words, '--help'], standalone_mode=False)\n"
        "print(*sys.modules, sep='\\n', file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.count("Usage: ") == len(calls)
    return set(done.stderr.split())


def _product(loaded: set[str]) -> set[str]:
    """Modules of the product that are no folder of others and no part of the command line."""
    ours = {name for name in loaded if name.partition(".")[0] in {"orchestrator", "handoff", "missions", "sync"}}
    packages = {name.rpartition(".")[0] for name in ours} | {name for name in ours if "." not in name}
    packages |= {name.rpartition(".")[0] for name in packages}
    return {name for name in ours - packages if not name.startswith("orchestrator.cli.")}


def test_help_of_a_group_loads_no_product_code() -> None:
    """Of the program and of every group: neither the product nor a library that takes long."""
    loaded = _loaded(list(GROUPS))
    assert _product(loaded) <= LIGHT
    assert not loaded & {"pydantic", "rich", "git", "httpx", "sqlalchemy", "asyncio", "yaml", "subprocess"}


def test_a_command_loads_its_own_module_only() -> None:
    """Its help needs what stands beside its options, and nothing of its neighbours."""
    loaded = _loaded([("mission", "list")])
    assert {name for name in loaded if name.startswith("orchestrator.cli.mission.")} == {
        "orchestrator.cli.mission.listing"
    }


def test_help_of_a_command_needs_nothing_of_what_it_does() -> None:
    """Of every command there is."""
    loaded = _loaded([(*words, verb) for words, verb in ENTRIES])
    assert _product(loaded) <= LIGHT
    assert not loaded & {"pydantic", "rich.console", "git", "httpx", "sqlalchemy", "asyncio", "yaml"}


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["misson"], "Did you mean 'mission'?"),
        (["mission", "lst"], "Did you mean 'list'?"),
        (["fleet", "admitt"], "Did you mean 'admit'?"),
        (["serv"], "Did you mean 'serve'?"),
        (["gatehous"], "No such command 'gatehous'."),
        (["xyzzy"], "No such command 'xyzzy'."),
        (["cancel"], "Did you mean 'mission cancel'?"),
        (["admit"], "Did you mean 'fleet admit'?"),
        (["status"], "No such command 'status'. Did you mean 'digest status' or 'bus status'?"),
    ],
)
def test_a_word_that_is_no_command(words: list[str], says: str) -> None:
    """Exit code 2, with the groups that have such a verb, else the verbs that are spelled alike; none that programs
    call."""
    done = CliRunner().invoke(cli, words)
    assert done.exit_code == 2
    assert done.stderr.splitlines()[-1].endswith(says)


def test_programs_find_their_hidden_commands() -> None:
    """They are there, and listed nowhere."""
    hidden = {"merge-file", "gatehouse", "review"}
    for verb in hidden:
        assert CliRunner().invoke(cli, [verb, "--help"]).exit_code == 0
    listed = re.findall(r"^  ([a-z-]+) ", CliRunner().invoke(cli, ["--help"]).stdout, re.MULTILINE)
    assert not hidden & set(listed)


def test_a_chat_prompts_before_anything_heavy_is_loaded() -> None:
    """What the prompt needs is neither a backend nor the store nor what reads the ledger."""
    script = (
        "import sys\n"
        "from orchestrator.cli.chat import command, conversation, opening, page\n"
        "from orchestrator.chat.values import ChatRequest\n"
        "from orchestrator.core.environment import load_settings\n"
        "print(*sys.modules, sep='\\n')\n"
    )
    loaded = set(
        subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    )
    assert not loaded & {
        "httpx",
        "sqlalchemy",
        "git",
        "rich.console",
        "asyncio",
        "orchestrator.app.factories.chat_factory",
    }


def test_one_mission_is_shown_without_what_only_its_results_need() -> None:
    """Neither the rules of redaction nor what reads evidence are loaded for a mission that nobody attempted."""
    script = (
        "import sys\n"
        "from orchestrator.cli.mission import showing\n"
        "from orchestrator.workflow import mission_detail, mission_name\n"
        "print(*sys.modules, sep='\\n')\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    heavy = {"handoff.secrets.redact", "missions.evidence.bundle", "difflib", "rich.console"}
    assert not heavy & set(done.stdout.split())


def test_bare_without_a_ledger_is_the_help_with_the_first_steps(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What a first visitor types; a program that asks for JSON is told that nothing is set."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SHIFTBOOK_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("SHIFTBOOK_LEDGER", raising=False)
    for words in ([], ["inbox"]):
        shown = CliRunner().invoke(cli, words)
        assert shown.exit_code == 0
        assert "Every day:" in shown.stdout
        assert "\n  shiftbook project add .  " in shown.stdout
    told = CliRunner().invoke(cli, ["inbox", "--json"])
    assert "SHIFTBOOK_LEDGER" in str(told.exception)


@pytest.mark.parametrize(
    ("words", "lines"),
    [
        (
            ["mission", "list", "--status", "quened"],
            ["shiftbook: Invalid value for '--status': 'quened' is not one of", "Did you mean queued?"],
        ),
        (["completion", "bsh"], ["Did you mean bash?"]),
        (["mission", "show"], ["shiftbook: Missing argument 'NAME'.\n`shiftbook mission show --help` says how"]),
        (["mission", "lst"], ["shiftbook: No such command 'lst'. Did you mean 'list'?\n`shiftbook mission --help`"]),
        (["conflicts", "--jsn"], ["shiftbook: No such option '--jsn'. Did you mean '--json'?"]),
        (["node"], ["Usage: shiftbook node"]),
    ],
)
def test_wrong_use_is_told_as_every_other_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str], lines: list[str]
) -> None:
    """One style, what was meant, where the help is; exit code 2. A group without a list shows its help."""
    monkeypatch.setattr(sys, "argv", ["shiftbook", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    told = capsys.readouterr().err
    for line in lines:
        assert line in told
    assert "Error:" not in told


@pytest.mark.parametrize("words", [["mission", "new"], ["template", "new"]], ids=" ".join)
def test_the_help_names_every_agent_that_a_person_may_ask_for(words: list[str]) -> None:
    """It is typed there: a table would be loaded for each help."""
    shown = CliRunner().invoke(cli, [*words, "--help"], terminal_width=400).output
    line = next(line for line in shown.splitlines() if "--agent " in line)
    assert [name for name in set(AGENTS) - {REVIEW, UPDATE_AGENT} if name not in line] == []
