"""Facts about what is read from programs' output: real lines where the programs were run, and anything at all."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.adapters.agents.aider import Aider
from orchestrator.adapters.agents.claude import Claude, session_sums
from orchestrator.adapters.agents.codex import Codex
from orchestrator.adapters.agents.codex import thread_usage as spent_before
from orchestrator.adapters.agents.gemini import Gemini
from orchestrator.adapters.agents.opencode import OpenCode
from orchestrator.core.ports.action_warner import WARNING_FRAME
from orchestrator.execution.programs import session_records
from orchestrator.execution.programs.error_kinds import error_kind
from orchestrator.execution.programs.home_files import copy_login_file, write_home_file
from orchestrator.execution.programs.model_apis import with_keys
from orchestrator.execution.programs.port import NOTHING_BEFORE, ErrorKind, ParsedOutput, Program, RoundRequest

PROGRAMS: tuple[Program, ...] = (Claude(), Codex(), Gemini(), OpenCode(), Aider())
WORDS = st.sampled_from(
    [
        "type",
        "result",
        "assistant",
        "message",
        "usage",
        "error",
        "part",
        "tokens",
        "cache",
        "item",
        "subtype",
        "modelUsage",
        "permission_denials",
        "rate_limit_event",
        "rate_limit_info",
        "resetsAt",
        "api_retry",
        "system",
        "is_error",
        "errors",
        "content",
        "text",
        "tool_use",
        "tool_result",
        "stats",
        "models",
        "status",
        "sessionID",
        "session_id",
        "thread_id",
        "turn.completed",
        "turn.failed",
        "item.completed",
        "changes",
        "command_execution",
        "file_change",
        "step_start",
        "step_finish",
        "reason",
        "cost",
        "complete",
        "input",
        "output",
        "state",
        "info",
        "init",
        "role",
        "delta",
        "input_tokens",
        "output_tokens",
        "costUSD",
    ]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=6),
    max_leaves=25,
)
EVENTS = st.dictionaries(WORDS, JSON, max_size=8).map(lambda found: json.dumps(found))
PLAIN = st.from_regex(
    r"(Tokens: [0-9.,kM]{0,6} sent, [0-9.,kM]{0,6} received\. Cost: \$[0-9.]{0,6} message|litellm\.\w{0,9}Error: .*|.*)"
)
LINES = st.lists(EVENTS | PLAIN | st.text(), max_size=8)


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.name)
@given(lines=LINES, code=st.none() | st.integers(-15, 255))
def test_no_line_is_an_error(program: Program, lines: list[str], code: int | None) -> None:
    """Whatever a program writes, reading it raises nothing and gives counts that are none below zero."""
    reading = program.reading()
    for line in lines:
        assert isinstance(reading.take(line), str)
        reading.told(None)
    told = reading.told(code)
    assert min(told.usage.tokens_in, told.usage.tokens_out, told.usage.tokens_cached) >= 0
    assert told.usage.cost_usd is None or told.usage.cost_usd >= 0
    assert all(isinstance(each, str) for each in (told.session, told.answer, told.error, *told.denials))


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.name)
@pytest.mark.parametrize("line", ['{"a":' * 100_000, "9" * 10_000, '{"type": ' + "9" * 10_000 + "}", "\0", "{", "[]"])
def test_monsters(program: Program, line: str) -> None:
    """Lines that break parsers do not break these."""
    reading = program.reading()
    reading.take(line)
    assert not reading.told(None).ended


def told(program: Program, *lines: str, code: int = 0, before: Mapping[str, object] = NOTHING_BEFORE) -> ParsedOutput:
    """What these lines tell."""
    reading = program.reading(before)
    for line in lines:
        reading.take(line)
    return reading.told(code)


def test_aider_tries_again() -> None:
    """What aider says while it tries again for a minute, and then gives up with exit code 0, is a quota (0.86.2)."""
    lines = (
        "Main model: anthropic/claude-sonnet-4-5 with diff edit format, infinite output",
        'litellm.RateLimitError: AnthropicException - {"type": "error", "error": {"type":',
        '"rate_limit_error", "message": "rate_limit_error: the stand-in was told to answer 429"}}',
        "The API provider has rate limited you. Try again later or check your quotas.",
        "Retrying in 32.0 seconds...",
    )
    found = told(Aider(), *lines)
    assert (found.ended, found.trouble, found.usage.model) == (False, ErrorKind.QUOTA, "claude-sonnet-4-5")
    spent = "Tokens: 1.1k sent, 100 cache hit, 50 received. Cost: $0.0038 message, $0.0038 session."
    over = told(Aider(), *lines, spent)
    assert (over.ended, over.trouble, over.error) == (True, None, "")
    assert (over.usage.tokens_in, over.usage.tokens_cached, over.usage.tokens_out) == (1100, 100, 50)
    assert over.usage.cost_usd == 0.0038


def test_aider_cut_off() -> None:
    """An answer that the model's token limit cut off is no success, also after one that was whole (0.86.2)."""
    whole = ("Applied edit to a.py", "Tokens: 1.1k sent, 50 received. Cost: $0.0038 message, $0.0038 session.")
    cut = ("b.py", "Model openai/m has hit a token limit!", "Token counts below are approximate.")
    found = told(Aider(), *whole, *cut)
    assert found.error.startswith("Model openai/m has hit a token limit!")
    assert found.trouble is not ErrorKind.QUOTA
    assert told(Aider(), *cut).ended is False


def test_files_that_aider_changes() -> None:
    """They count when its linter has asked about them: its model has been called again, or it has ended (0.86.2)."""
    reading = Aider().reading()
    for line in ("Tokens: 1 sent, 1 received.", "Applied edit to docs/a.md", "Applied edit to b.yaml"):
        reading.take(line)
    assert reading.told(None).actions == ()
    reading.take("Tokens: 1 sent, 1 received.")
    done = [(one.action, one.ok, one.hooked) for one in reading.told(None).actions]
    assert done == [("docs/a.md", True, True), ("b.yaml", True, False)]
    reading.take("Applied edit to c.py")
    assert [one.action for one in reading.told(0).actions][2:] == ["c.py"]


def test_what_the_journal_says_to_aider_is_nothing_that_aider_says() -> None:
    """A line of it about an error of the model's API, or about tokens, is quoted in what aider prints."""
    quoted = (
        WARNING_FRAME,
        '- claude at d wrote: "litellm.Timeout"',
        '- claude at d wrote: "Tokens: 9k sent, 9 received."',
    )
    found = told(Aider(), "Tokens: 1 sent, 1 received.", *quoted)
    assert (found.error, found.usage.tokens_in) == ("", 1)


def test_codex_counts_from_the_beginning() -> None:
    """What a thread of codex had taken before is taken off (0.169.0)."""
    then = {"input_tokens": 1007, "cached_input_tokens": 7, "output_tokens": 50}
    now = '{"type":"turn.completed","usage":{"input_tokens":2014,"cached_input_tokens":14,"output_tokens":100}}'
    usage = told(Codex(), now, before=then).usage
    assert (usage.tokens_in, usage.tokens_cached, usage.tokens_out) == (1007, 7, 50)


def _sums(read: int, cached: int, out: int, cost: float) -> dict[str, object]:
    """What claude says of one model."""
    return {"inputTokens": read, "cacheReadInputTokens": cached, "outputTokens": out, "costUSD": cost}


CLAUDE_BEFORE = {
    "type": "cost-state",
    "totalCostUSD": 0.01404,
    "modelUsage": {"m-1": _sums(2000, 100, 90, 0.014), "m-2": _sums(1000, 100, 10, 0.00004)},
}


def test_claude_goes_on_with_its_sums() -> None:
    """What a session that is resumed had cost before is taken off, and the model of this round gives the name
    (2.1.332)."""
    models = {"m-1": _sums(2000, 100, 90, 0.014), "m-2": _sums(4000, 200, 60, 0.01306)}
    now = _claude(total_cost_usd=0.02706, modelUsage=models)
    usage = told(Claude(), now, before=CLAUDE_BEFORE).usage
    assert (usage.tokens_in, usage.tokens_cached, usage.tokens_out, usage.model) == (3100, 100, 50, "m-2")
    assert usage.cost_usd == pytest.approx(0.01302)
    assert told(Claude(), now, now, before=CLAUDE_BEFORE).usage == usage, "each result counts the session"


@pytest.mark.parametrize(
    "models", [{"m-1": _sums(2000, 99, 90, 0.01)}, {"m-2": _sums(9000, 900, 900, 9.0)}], ids=["less", "another"]
)
def test_claude_begins_its_sums_anew(models: dict[str, object]) -> None:
    """A version that does not go on with the sums of before (2.1.197) is believed as it is: nothing is taken off."""
    usage = told(Claude(), _claude(total_cost_usd=0.01, modelUsage=models), before=CLAUDE_BEFORE).usage
    assert usage.cost_usd == 0.01
    assert usage.tokens_in == sum(each["inputTokens"] + each["cacheReadInputTokens"] for each in models.values())  # type: ignore[index]


@given(before=JSON, now=JSON)
def test_sums_of_before_may_be_anything(before: object, now: object) -> None:
    """The agent may write what it likes where its sums are kept: nothing is raised, and no count is below zero."""
    was = {"totalCostUSD": before, "modelUsage": {"m": before, "n": {"inputTokens": before}}}
    found = told(Claude(), _claude(total_cost_usd=now, modelUsage={"m": now, "n": {"inputTokens": now}}), before=was)
    assert min(found.usage.tokens_in, found.usage.tokens_out, found.usage.cost_usd or 0.0) >= 0
    assert told(Claude(), _claude(modelUsage={"m": {}}), before={"modelUsage": before}).usage.tokens_in == 0


CLAUDE_RESULT = {"type": "result", "subtype": "success", "is_error": False, "result": "", "stop_reason": "end_turn"}


def _claude(**fields: object) -> str:
    return json.dumps(CLAUDE_RESULT | fields)


@pytest.mark.parametrize(
    "again",
    [
        {"type": "system", "subtype": "init", "session_id": "s"},
        {"type": "assistant", "message": {"id": "m-2", "content": [{"type": "text", "text": "On."}]}},
    ],
)
def test_claude_goes_on_after_a_result(again: dict[str, object]) -> None:
    """A turn that begins after a result (a background command came to its end) takes the end back, until its own
    result, which is the one that counts (2.1.332)."""
    first = _claude(is_error=True, api_error_status=429, result="Too many requests")
    begun = told(Claude(), first, json.dumps(again))
    assert (begun.ended, begun.trouble) == (False, ErrorKind.QUOTA)
    over = told(Claude(), first, json.dumps(again), _claude(result="All done."))
    assert (over.ended, over.trouble, over.error, over.answer) == (True, None, "", "All done.")
    other = {"type": "system", "subtype": "task_notification"}
    assert told(Claude(), _claude(), json.dumps(other)).ended


def test_claude_tells_of_limits() -> None:
    """Each wait is shown, and a quota that is used up says when there is more (2.1.332, a subscription's token)."""
    wait = {"type": "system", "subtype": "api_retry", "attempt": 1, "retry_delay_ms": 2100, "error_status": 529}
    assert Claude().reading().take(json.dumps(wait | {"error": "overloaded"})) == (
        "[the model's API is asked again in 2 s: 529 overloaded]"
    )
    limit = {"type": "rate_limit_event", "rate_limit_info": {"status": "rejected", "resetsAt": 1772370000}}
    over = _claude(is_error=True, api_error_status=429, result="You've hit your 5-hour limit")
    found = told(Claude(), json.dumps(limit), over)
    assert (found.trouble, found.error) == (
        ErrorKind.QUOTA,
        "You've hit your 5-hour limit (more at 2026-03-01 13:00 UTC)",
    )
    never = {"type": "rate_limit_event", "rate_limit_info": {"resetsAt": 10**15}}
    assert told(Claude(), json.dumps(never), over).error == "You've hit your 5-hour limit"


def test_claude_puts_a_call_off() -> None:
    """A call that a hook put off until a person allows it ends a run as `success`, and is none (2.1.332)."""
    call = {"id": "toolu_1", "name": "Bash", "input": {"command": "make deploy"}}
    found = told(Claude(), _claude(stop_reason="tool_deferred", deferred_tool_use=call))
    assert (found.ended, found.denials) == (True, ("Bash make deploy",))
    assert "put off" in found.error
    assert "make deploy" in found.error


def test_opencode_gives_up_itself() -> None:
    """Errors in opencode's log are told and are no end: it asks five more times and then says so (1.18.33)."""
    logged = 'level=ERROR service=llm small=false error.error="AI_APICallError: Too Many Requests" stream'
    found = told(OpenCode(), *[logged] * 6)
    assert (found.ended, found.trouble) == (False, ErrorKind.QUOTA)
    step = '{"type":"step_finish","part":{"reason":"stop","tokens":{"input":1,"output":1}}}'
    over = told(OpenCode(), *[logged] * 4, step)
    assert (over.ended, over.trouble, over.error) == (True, None, "")
    gone = '{"type":"error","error":{"name":"APIError","data":{"message":"Too Many Requests","statusCode":429}}}'
    given_up = told(OpenCode(), *[logged] * 6, gone)
    assert (given_up.ended, given_up.trouble) == (True, ErrorKind.QUOTA)


def test_claude_errors_are_successes() -> None:
    """An API error of claude has `subtype: success` (2.1.197)."""
    line = (
        '{"type":"result","subtype":"success","is_error":true,"api_error_status":401,"session_id":"s","modelUsage":{},'
        '"result":"Failed to authenticate. API Error: 401 bad key","total_cost_usd":0,"permission_denials":[]}'
    )
    found = told(Claude(), line, code=1)
    assert (found.ended, found.trouble, found.session) == (True, ErrorKind.LOGIN, "s")


@pytest.mark.parametrize(
    ("said", "status", "trouble"),
    [
        ("budget: budget of the mission reached: $1.00 of $1.00", 403, ErrorKind.BUDGET),
        ("POST /v1/files is not a call that is counted, so it is not passed on", 403, ErrorKind.API),
        ("Credit balance is too low", 400, ErrorKind.QUOTA),
        ("exceeded retry limit, last status: 429 Too Many Requests", 0, ErrorKind.QUOTA),
        ("You have hit your usage limit.", 0, ErrorKind.QUOTA),
        ("Missing environment variable: `OPENAI_API_KEY`.", 0, ErrorKind.LOGIN),
        ("unexpected status 401 Unauthorized", 0, ErrorKind.LOGIN),
        ("no such file", 403, ErrorKind.LOGIN),
        ("Overloaded", 529, ErrorKind.API),
    ],
)
def test_troubles(said: str, status: int, trouble: ErrorKind) -> None:
    """Errors as the programs word them, by kind."""
    assert error_kind(said, status) is trouble


def test_missing_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A program that is not there says how to install it, one without a log-in how to log in."""
    monkeypatch.setenv("PATH", str(tmp_path))
    for program in PROGRAMS:
        assert f"{program.name} is not installed: " in str(program.missing())
        assert program.version() == ""
        there = tmp_path / program.name
        there.write_text("#!/bin/sh\necho 1.2.3\n")
        there.chmod(0o755)
        assert "has no log-in: " in str(program.missing())
    for key in ("ANTHROPIC_API_KEY", "OPENAI_API_KEY", "GEMINI_API_KEY"):
        monkeypatch.setenv(key, "k")
    assert [program.missing() for program in PROGRAMS] == [None] * len(PROGRAMS)
    assert [program.version() for program in PROGRAMS] == [f"{program.name} 1.2.3" for program in PROGRAMS]


@pytest.mark.parametrize(("seconds", "waits"), [(5400.0, 5400), (5.0, 300), (1e9, 604_800)])
def test_a_slow_model_is_waited_for(
    seconds: float, waits: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As long as the round may take a program waits for a model that is silent, and never less than it does anyway."""
    for key in ("ANTHROPIC_API_KEY", "OPENAI_API_KEY", "GEMINI_API_KEY"):
        monkeypatch.setenv(key, "k")
    brief = RoundRequest(prompt="p", tree=tmp_path, home=tmp_path, seconds=seconds)
    claude, codex, gemini, opencode, _ = (program.launch(brief) for program in _installed(tmp_path, monkeypatch))
    assert claude.environment["CLAUDE_STREAM_IDLE_TIMEOUT_MS"] == f"{waits}000"
    assert claude.environment["API_TIMEOUT_MS"] == f"{waits}000"
    assert f"model_providers.shiftbook.stream_idle_timeout_ms={waits}000" in codex.argv
    assert json.loads(Path(gemini.environment["GEMINI_EXP"]).read_text())["flags"][0]["intValue"] == str(waits)
    provider = json.loads(opencode.environment["OPENCODE_CONFIG_CONTENT"])["provider"]["anthropic"]["options"]
    assert (provider["headerTimeout"], provider["chunkTimeout"]) == (waits * 1000, waits * 1000)
    for each in (claude, opencode):
        assert each.environment["BUN_CONFIG_HTTP_IDLE_TIMEOUT"] == str(waits)


def _installed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Program, ...]:
    """The programs, on a PATH where each is."""
    for program in PROGRAMS:
        (folder / program.name).write_text("#!/bin/sh\n")
        (folder / program.name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return PROGRAMS


@pytest.mark.parametrize("session", ["", "0b6c0a3e-1111-4222-8333-444455556666"])
def test_launch_shows_nothing(session: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither the prompt nor a key is in a command line or in what a program's environment gets."""
    home, tree = tmp_path / "home", tmp_path / "tree"
    home.mkdir()
    tree.mkdir()
    for key in ("ANTHROPIC_API_KEY", "OPENAI_API_KEY", "GEMINI_API_KEY"):
        monkeypatch.setenv(key, "the-secret")
    for program in _installed(tmp_path, monkeypatch):
        launch = program.launch(RoundRequest(prompt="the-prompt", tree=tree, home=home, session=session))
        assert not [word for word in launch.argv if "the-prompt" in word or "the-secret" in word]
        assert "the-secret" not in str(dict(launch.environment))
        assert launch.upstreams
        assert launch.hosts == ()
    assert "the-secret" not in "".join(path.read_text() for path in home.rglob("*") if path.is_file())


def test_a_persons_log_in_is_lent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without a key the log-in file goes into the run's home, for this user alone, and not over a renewed one."""
    (tmp_path / "codex").write_text("#!/bin/sh\n")
    (tmp_path / "codex").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    person, home = Path(os.environ["HOME"]), tmp_path / "home"
    home.mkdir()
    (person / ".codex").mkdir()
    (person / ".codex" / "auth.json").write_text("one")
    assert Codex().missing() is None
    launch = Codex().launch(RoundRequest(prompt="p", tree=tmp_path, home=home))
    lent = home / ".codex" / "auth.json"
    assert (lent.read_text(), lent.stat().st_mode & 0o777, launch.upstreams) == ("one", 0o600, ())
    assert "chatgpt.com:443" in launch.hosts
    lent.write_text("renewed")
    assert copy_login_file(home, ".codex/auth.json")
    assert lent.read_text() == "renewed"


def test_a_home_that_is_a_trap(tmp_path: Path) -> None:
    """Nothing is written through links that an agent left in its home, and none of them stops a round."""
    home, precious = tmp_path / "home", tmp_path / "precious"
    home.mkdir()
    precious.mkdir()
    (precious / "settings.json").write_text("mine")
    (home / ".gemini").symlink_to(precious)
    assert write_home_file(home, ".gemini/settings.json", "new").read_text() == "new"
    (home / "file").symlink_to(precious / "settings.json")
    write_home_file(home, "file", "new")
    (home / "folder").mkdir()
    write_home_file(home, "folder", "new")
    os.mkfifo(home / "pipe")
    write_home_file(home, "pipe", "new")
    assert {(home / name).read_text() for name in ("file", "folder", "pipe")} == {"new"}
    assert (precious / "settings.json").read_text() == "mine"


def test_a_thread_that_is_a_trap(tmp_path: Path) -> None:
    """What a thread had taken is read from a real file of the home only."""
    folder = tmp_path / ".codex" / "sessions" / "2026" / "01" / "02"
    folder.mkdir(parents=True)
    line = {"payload": {"info": {"total_token_usage": {"input_tokens": 7}}}}
    real = folder / "rollout-x-abc.jsonl"
    real.write_text(f"junk\n{json.dumps(line)}\n")
    assert spent_before(tmp_path, "abc") == {"input_tokens": 7}
    real.rename(tmp_path / "elsewhere")
    real.symlink_to(tmp_path / "elsewhere")
    assert spent_before(tmp_path, "abc") == {}
    assert spent_before(tmp_path, "*") == {}


def test_a_session_of_claude_that_is_a_trap(tmp_path: Path) -> None:
    """The sums of before are the last that stand in a real file of the home, the newest one of that session."""
    folder = tmp_path / ".claude" / "projects" / "-tree"
    folder.mkdir(parents=True)
    states = [json.dumps({"type": "cost-state", "totalCostUSD": cost}) for cost in (0.1, 0.2)]
    said = json.dumps({"type": "user", "message": '{"type":"cost-state"}'})
    real = folder / "a-b.jsonl"
    real.write_text("\n".join([states[0], "cost-state", states[1], said, '{"type":"cost-state"']))
    assert session_sums(tmp_path, "a-b") == {"type": "cost-state", "totalCostUSD": 0.2}
    assert [session_sums(tmp_path, name) for name in ("", "a-c", "*", "../-tree/a-b")] == [{}] * 4
    os.mkfifo(folder / "a-d.jsonl")
    (folder / "a-e.jsonl").symlink_to(real)
    assert [session_sums(tmp_path, name) for name in ("a-d", "a-e")] == [{}, {}]


def test_a_long_session_is_read_from_its_end(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What stands last counts, however much stands before it."""
    monkeypatch.setattr(session_records, "MAX_READ_BYTES", 100)
    folder = tmp_path / ".claude" / "projects" / "-tree"
    folder.mkdir(parents=True)
    state = {"type": "cost-state", "totalCostUSD": 0.5}
    (folder / "s.jsonl").write_text(f"{json.dumps({'type': 'cost-state', 'text': 'x' * 1000})}\n{json.dumps(state)}\n")
    assert session_sums(tmp_path, "s") == state


def test_keys_that_are_empty() -> None:
    """An empty variable is no key."""
    from orchestrator.execution.programs.model_apis import ANTHROPIC

    assert with_keys(ANTHROPIC, environ={"ANTHROPIC_API_KEY": " "}) == ()
