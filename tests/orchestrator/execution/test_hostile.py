"""Facts about what an agent, its model or the project itself can do to the node that works for it: nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from dataclasses import asdict
from pathlib import Path

import pytest

from handoff.secrets.redact import redact
from missions.mission import Mission
from orchestrator.adapters.agents.aider import AiderOutputParser
from orchestrator.adapters.agents.claude import ClaudeOutputParser
from orchestrator.adapters.agents.opencode import OpenCodeOutputParser
from orchestrator.core.ports.action_warner import Unwarned
from orchestrator.core.ports.agent import AgentJob, Project, Unmetered
from orchestrator.execution import output_collector, proposals
from orchestrator.execution.bounds import AttemptLimits, UsageMeter
from orchestrator.execution.egress.usage_counter import UsageCounter
from orchestrator.execution.hooks.tool_hooks import ToolHooks
from orchestrator.execution.outcome import _list_files
from orchestrator.execution.output_collector import OutputCollector
from orchestrator.execution.process.runner import Ending, run
from orchestrator.execution.programs.json_events import MAX_NUMBER, number_at, parse_event
from orchestrator.execution.programs.port import ParsedOutput
from orchestrator.execution.workspace import agents_md
from orchestrator.execution.workspace.attempt_dir import AttemptSession, open_attempt_dir
from orchestrator.execution.workspace.attempt_dirs import AttemptDirs, AttemptLabel
from orchestrator.execution.workspace.chat_dirs import ChatDirs
from orchestrator.execution.workspace.clone import Workspace, Workspaces
from orchestrator.execution.workspace.disk_usage import folder_bytes
from orchestrator.execution.workspace.hidden_places import link_around
from orchestrator.execution.workspace.tree_walk import remove_tree
from tests.orchestrator.repositories import Server, git
from tests.waiting import PATIENCE

STOP = threading.Event()
LINK = "1" * 40
PLANT = """cd sub && git init -q . && echo y >f && git add f && git -c user.name=a -c user.email=a@a commit -qm x
echo '* filter=evil' >.gitattributes && git config filter.evil.clean 'touch {mark}; cat' && echo z >f &&
touch -d '-1 hour' f"""


def linked(server: Server, folder: Path, mission: str = "fix") -> Workspace:
    """A workspace of a project that has a submodule, `sub`."""
    if "sub" not in git(server.person, "ls-files").splitlines():
        git(server.person, "update-index", "--add", "--cacheinfo", f"160000,{LINK},sub")
        git(server.person, "-c", "user.name=a", "-c", "user.email=a@a", "commit", "--quiet", "-m", "a submodule")
        git(server.person, "push", "--quiet", str(server.folder), "HEAD:refs/heads/main")
    folder.mkdir(parents=True)
    project = Project(name="shop", url=str(server.folder))
    cache = Workspaces(cache=folder.parent / "cache")
    return cache.open(project, mission=mission, attempt=1, folder=folder, stop=STOP)


def test_submodule_taken_out(server: Server, tmp_path: Path) -> None:
    """A submodule that was taken out is a change: it is among the files, so in the scope's check, and in the diff."""
    workspace = linked(server, tmp_path / "a")
    (workspace.tree / "sub").rmdir()
    seen = workspace.snapshot()
    assert seen.files == ("sub",)
    assert b"deleted file mode 160000" in workspace.settle(seen, node="desk", title="x", trailers={}).patch


def test_chat_with_a_trap(server: Server, tmp_path: Path) -> None:
    """A repository that a chat's command planted in a submodule's place is not asked by the clean-up, and stays."""
    mark = tmp_path / "ran"
    workspace = linked(server, tmp_path / "chats" / "c1", mission="chat-c1")
    subprocess.run(["/bin/sh", "-ec", PLANT.format(mark=mark)], cwd=workspace.tree, check=True)
    assert list(ChatDirs(tmp_path / "chats", lambda _: True).idle()) == []
    assert not mark.exists()


def test_repositories_in_two_rounds(server: Server, tmp_path: Path) -> None:
    """A repository of its own that appears after another was set aside is set aside, too."""
    workspace = linked(server, tmp_path / "a")
    for name in ("one", "two"):
        (workspace.tree / name / ".git").mkdir(parents=True)
        (workspace.tree / name / ".git" / "HEAD").write_text("x")
        workspace.snapshot()
    assert len(list((tmp_path / "a" / "embedded").iterdir())) == 2


def deep(folder: Path, levels: int = 3000) -> None:
    """Makes a folder of that many levels."""
    code = f"import os\nfor _ in range({levels}): os.mkdir('a'); os.chdir('a')\nopen('f', 'w').close()"
    subprocess.run([sys.executable, "-c", code], cwd=folder, check=True)


def test_deep_folder(tmp_path: Path) -> None:
    """A folder that is deeper than Python's stack and longer than a path can be is counted, and goes."""
    folders = AttemptDirs(tmp_path / "work")
    path, _ = folders.open(AttemptLabel(mission="m", epoch=1))
    deep(path)
    try:
        assert folder_bytes(tmp_path) > 0
        assert len(_list_files(path)) == 1  # the label: what lies beyond the longest path nobody can name
        folders.leave("m", 1)
        assert folders.remove(path)
        assert not list((tmp_path / "work").iterdir())
    finally:
        subprocess.run(["rm", "-rf", str(tmp_path / "work")], check=True)  # pytest's own clean-up would break on it


def test_locked_folder(tmp_path: Path) -> None:
    """Folders without any permission, as Go's module cache has them, go; what a link leads to stays."""
    if os.getuid() == 0:
        tmp_path.chmod(0o777)
        for parent in tmp_path.parents[:3]:
            parent.chmod(parent.stat().st_mode | 0o055)
    code = f"""
import os, sys
sys.path[:0] = {sys.path!r}
from pathlib import Path
from orchestrator.execution.workspace.tree_walk import remove_tree
if os.getuid() == 0: os.setgid(65534); os.setuid(65534)
top = Path({str(tmp_path)!r}, "top"); kept = Path({str(tmp_path)!r}, "kept"); kept.mkdir(); (kept / "f").touch()
(top / "mod" / "sub").mkdir(parents=True); (top / "mod" / "sub" / "f").touch(); (top / "link").symlink_to(kept)
(top / "mod" / "sub").chmod(0); (top / "mod").chmod(0o555)
assert remove_tree(top) and not top.exists() and (kept / "f").exists() and kept.stat().st_mode & 0o777 != 0
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd="/")


def test_link_is_no_folder(tmp_path: Path) -> None:
    """A link in a folder's place is not gone through."""
    (tmp_path / "kept").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "kept")
    assert not remove_tree(tmp_path / "link")
    assert (tmp_path / "kept").is_dir()


def test_flood(tmp_path: Path) -> None:
    """A program whose output comes faster than it is read is stopped; of the rest only the end is looked through."""
    stop, lines = threading.Event(), 0

    def slow(line: str) -> None:
        nonlocal lines
        lines += 1
        time.sleep(0.01)
        if lines == 20:
            stop.set()

    code = "import os, time\nfor _ in range(150): os.write(1, (b'x' * 99999 + b'\\n') * 10)\ntime.sleep(600)"
    ran = run(
        [sys.executable, "-c", code],
        folder=tmp_path,
        environment={"PATH": os.defpath},
        output=tmp_path / "out",
        timeout=PATIENCE,
        stop=stop,
        say=slow,
        whole=True,
    )
    assert ran.ending is Ending.STOPPED
    assert lines < 400  # of 1,500


def test_log_line_without_end() -> None:
    """A line that only looks like one of opencode's log is read in one go: its length squared would be minutes."""
    words = "level=ERROR " * 3000 + "small=false " * 3000
    assert OpenCodeOutputParser().take(words) == ""
    told = 'level=ERROR x small=false y error.error="too many requests "now" wait" z'
    assert "too many requests" in OpenCodeOutputParser().take(told)


def test_many_messages() -> None:
    """Each message of claude is counted once, with its last word, whatever many there are."""
    reading = ClaudeOutputParser()
    for number in range(30_000):
        usage = {"input_tokens": number % 3, "output_tokens": 1}
        reading.take(json.dumps({"type": "assistant", "message": {"id": str(number // 3), "usage": usage}}))
    told = reading.told(None).usage
    assert (told.tokens_in, told.tokens_out) == (20_000, 10_000)


def test_half_a_character() -> None:
    """Half of a character, as a stream that is cut in the middle of one has it, is text that can be written."""
    block = '{"type": "text", "text": "a \\ud83d b, \\ud83d\\ude00"}'
    shown = ClaudeOutputParser().take(f'{{"type": "assistant", "message": {{"id": "1", "content": [{block}]}}}}')
    assert shown.encode() == "a ? b, \U0001f600".encode()


def test_endless_numbers() -> None:
    """No count and no cost that is told is larger than what can be priced and stored."""
    assert number_at(parse_event(f'{{"a": 1{"0" * 400}}}'), "a") == MAX_NUMBER
    aider = AiderOutputParser()
    aider.take(f"Tokens: {'9' * 300} sent, 1 received. Cost: ${'9' * 400} message")
    assert (aider.told(0).usage.tokens_in, aider.told(0).usage.cost_usd) == (MAX_NUMBER, None)
    tally = UsageCounter(events=False)
    tally.feed(json.dumps({"model": "claude-sonnet-4-5", "usage": {"input_tokens": 10**400}}).encode())
    assert tally.usage().tokens_in == MAX_NUMBER


def test_endless_line_in_pieces() -> None:
    """An event that comes a byte at a time is put together, also after a longer one than is read."""
    tally = UsageCounter(events=True)
    for byte in b'data: {"model": "m-1", "usage": {"input_tokens": 7, "output_tokens": 1}}\n':
        tally.feed(bytes([byte]))
    assert (tally.usage().tokens_in, tally.usage().model) == (7, "m-1")


class Says:
    """A reading that shows every line, and calls its conversation what it is told to."""

    session = ""

    def take(self, line: str) -> str:
        return line

    def told(self, exit_code: int | None) -> ParsedOutput:
        return ParsedOutput(session=self.session)


class Place:
    """What a heard round needs of its site."""

    def __init__(self) -> None:
        self.job, self.said, self.sessions = self, [], []  # type: ignore[var-annotated]

    def say(self, line: str) -> None:
        self.said.append(line)

    def remember(self, session: str) -> None:
        self.sessions.append(session)


def heard(reading: Says) -> tuple[OutputCollector, Place]:
    place, bounds = (
        Place(),
        AttemptLimits(stop=STOP, usage_meter=UsageMeter(Unmetered()), deadline=time.monotonic() + 60),
    )
    hooks = ToolHooks(warner=Unwarned(), tree=Path())
    return OutputCollector(reading, place, bounds, hooks), place  # type: ignore[arg-type]


def test_endless_talk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a program that never stops talking, the end is kept and the beginning is told to people who watch."""
    monkeypatch.setattr(output_collector, "MAX_RESULT_CHARS", 1000)
    monkeypatch.setattr(output_collector, "MAX_LIVE_CHARS", 5000)
    made, place = heard(Says())
    for number in range(2000):
        made.take(f"line {number}")
    assert len(made.text) < 1100
    assert made.text.endswith("line 1999\n")
    assert "characters are left out here" in made.text
    assert sum(map(len, place.said)) < 5100


def test_many_lines_are_put_together_for_who_asks_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """To do so after each line was most of what half a million of them took."""
    asked, real = list[ParsedOutput](), ToolHooks.without_held_back

    def counted(hooks: ToolHooks, told: ParsedOutput) -> ParsedOutput:
        asked.append(told)
        return real(hooks, told)

    monkeypatch.setattr(ToolHooks, "without_held_back", counted)
    made, place = heard(Says())
    for number in range(100):
        made.take(f"line {number}")
    assert (asked, len(place.said)) == ([], 100)
    made.told(0)
    assert len(asked) == 1


@pytest.mark.parametrize("pieces", [1, 2, 3, 7])
def test_a_key_that_comes_in_pieces_is_redacted_whole(pieces: int) -> None:
    """What is kept of it is passed on with what stands around it, and is redacted there: it must be as it was said."""
    key = [f"-----BEGIN RSA {'PRIVATE'} KEY-----", *(f"{number:02}" + "aB3" * 20 for number in range(12))]
    lines = ["Here it is:", *key, f"-----END RSA {'PRIVATE'} KEY-----", "That was it."]
    each = -(-len(lines) // pieces)
    made, place = heard(Says())
    for start in range(0, len(lines), each):
        made.take("\n".join(lines[start : start + each]))
    for passed_on in (made.text, "\n".join(place.said)):
        clean = redact(passed_on).text
        assert "Here it is:" in clean
        assert "That was it." in clean
        assert [line for line in key if line in clean] == []


def test_long_talk_is_shown_by_its_first_lines() -> None:
    """Whole ones: half a line could be half a token. A line that is too long is cut when it is clean."""
    made, place = heard(Says())
    made.take("\n".join(f"line {number} {'x' * 100}" for number in range(100)))
    made.take(f"{'x' * (output_collector.MAX_SHOWN_LINE_CHARS - 12)} ghp_{'a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8'} more")
    assert len(place.said[0]) <= output_collector.MAX_SHOWN_LINE_CHARS + 2
    assert place.said[0].endswith(f"{'x' * 100}\n…")
    assert [text for text in (*place.said, made.text) if "ghp_" in text] == []


@pytest.mark.parametrize("name", ["--allowedTools=*", "-x", "a\0b", "a b", "x" * 300, "a\n"])
def test_name_of_a_conversation(name: str) -> None:
    """What a program calls its conversation becomes a word of the next command line: no option, no odd letters."""
    reading = Says()
    reading.session = name
    made, place = heard(reading)
    made.take("x")
    assert place.sessions == [""]


def test_bad_proposals(tmp_path: Path) -> None:
    """Thousands of bad proposals are told of in a few lines."""
    for number in range(1000):
        (tmp_path / f"p{number}.md").symlink_to("/etc/passwd")
    found, notes = proposals.collect_proposals(tmp_path)
    assert not found
    assert len(notes) <= 50


@pytest.mark.parametrize("target", [".", "/proc/self/cwd/evil", "..", "../tree"])
def test_hidden_through_a_link(target: str, tmp_path: Path) -> None:
    """A link that shows the sandboxed program what should be hidden is noticed; one inside the tree can be emptied."""
    tree = tmp_path / "tree"
    (tree / "evil").mkdir(parents=True)
    (tree / ".opencode").symlink_to(target)
    (tree / ".env").symlink_to("evil")
    assert link_around(tree, ".opencode") == ".opencode"
    assert link_around(tree, ".env") == ""
    assert link_around(tree, ".opencode/hooks/mine") == ".opencode", "the link stands in place of a folder above"
    (tree / "real").mkdir()
    (tree / "real" / "inner").symlink_to(f"../{target}" if target[0] != "/" else target)
    (tree / "way").symlink_to("real")
    assert link_around(tree, "way/inner/hooks") == "way/inner", "behind a link that may be"
    assert link_around(tree, "real/other") == ""


def test_went_on_after_its_last_word() -> None:
    """A program that goes on after what looked like its end gets its whole time for the real one."""
    now, ended = [0.0], [True]
    bounds = AttemptLimits(
        stop=STOP, usage_meter=UsageMeter(Unmetered()), deadline=1000, linger=30, clock=lambda: now[0]
    )
    watch = bounds.watch(lambda: ended[0])
    assert not watch.is_set()
    now[0], ended[0] = 40.0, False
    assert not watch.is_set()
    ended[0] = True
    assert not watch.is_set()
    now[0] = 70.0
    assert watch.is_set()


def test_killed_while_the_handoff_was_laid(server: Server, tmp_path: Path) -> None:
    """A node that is killed in a round leaves the handoff in the tree; who goes on there does not hand it over."""
    workspace = linked(server, tmp_path / "a")
    agents_md.write_handoff(workspace.tree, "What only we know")
    for name in ("home", "proposals"):
        (tmp_path / "a" / name).mkdir()
    kept = AttemptSession(agent="claude", attempt=1, session="s-1", base=workspace.base, branch=workspace.branch)
    (tmp_path / "a" / "session.json").write_text(json.dumps(asdict(kept)))
    project = Project(name="shop", url=str(server.folder))
    mission = Mission(name="fix", title="Fix", body="it", agent="claude", project="shop")
    job = AgentJob(
        mission=mission, attempt=1, project=project, context="", folder=tmp_path / "a", say=lambda _: None, goes_on=True
    )
    site = open_attempt_dir(job, "claude", Workspaces(cache=tmp_path / "cache"), STOP)
    assert site.resumed
    assert site.workspace
    assert site.workspace.snapshot().files == ()
