"""Do the readers of transcripts read what the real programs write, of the versions that `.ci/agents` installs?

Each works against the stand-in for its model, in a home folder of its own: it writes a file, runs a command that fails,
and answers; a second question goes on with the session.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from orchestrator.app.factories.past_factory import SOURCES
from orchestrator.core.ports.transcripts import EventKind
from orchestrator.workflow.past.session_digest import SessionDigest, digest
from tests.agents.conftest import CACHE
from tests.agents.hands import HANDS
from tests.agents.standin import ModelApi, Turn
from tests.conftest import lacking

pytestmark = pytest.mark.nightly
SESSION = "11111111-1111-4111-8111-111111111111"
SECONDS = 300
FIRST, SECOND = "Write new.txt and look around", "And now say more"
FAILING = "echo no >&2; exit 3"


@dataclass(frozen=True, kw_only=True)
class Start:
    """How a person starts a program with a question: the words of a first and of a following one."""

    first: Callable[[str], Sequence[str]]
    again: Callable[[str], Sequence[str]]
    environ: Callable[[str], dict[str, str]]
    files: dict[str, str] = field(default_factory=dict)


def _codex(url: str) -> list[str]:
    provider = {"name": '"OpenAI"', "env_key": '"OPENAI_API_KEY"', "wire_api": '"responses"', "base_url": f'"{url}/v1"'}
    settings = [f"model_providers.standin.{key}={value}" for key, value in provider.items()]
    settings += ["model_providers.standin.supports_websockets=false", 'model_provider="standin"']
    settings += ['sandbox_mode="danger-full-access"', 'approval_policy="never"', "analytics.enabled=false"]
    settings += ["check_for_update_on_startup=false"]
    return ["--json", "--skip-git-repo-check", *(word for each in settings for word in ("-c", each))]


CLAUDE = ("claude", "-p", "--permission-mode", "acceptEdits", "--tools", "Bash,Write", "--allowedTools", "Bash,Write")
AIDER = ("aider", "--yes-always", "--no-stream", "--no-pretty", "--no-check-update", "--analytics-disable")
AIDER_MODEL = ("--no-show-model-warnings", "--no-show-release-notes", "--model", "anthropic/claude-sonnet-4-5")
GEMINI_SETTINGS = {
    "security": {"auth": {"selectedType": "gemini-api-key"}},
    "general": {"enableAutoUpdate": False, "maxAttempts": 1},
    "privacy": {"usageStatisticsEnabled": False},
}


def _opencode(url: str) -> dict[str, str]:
    provider = {"anthropic": {"options": {"baseURL": f"{url}/v1", "apiKey": "k"}}}
    config = {"autoupdate": False, "share": "disabled", "snapshot": False, "permission": {"*": "allow"}}
    quiet = ("AUTOUPDATE", "MODELS_FETCH", "LSP_DOWNLOAD")
    return {
        "ANTHROPIC_API_KEY": "k",
        "OPENCODE_CONFIG_CONTENT": json.dumps(config | {"provider": provider}),
        **{f"OPENCODE_DISABLE_{name}": "1" for name in quiet},
    }


STARTS = {
    "claude": Start(
        first=lambda url: [*CLAUDE, "--session-id", SESSION, FIRST],
        again=lambda url: [*CLAUDE, "--resume", SESSION, SECOND],
        environ=lambda url: {
            "ANTHROPIC_API_KEY": "k",
            "ANTHROPIC_BASE_URL": url,
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        },
    ),
    "codex": Start(
        first=lambda url: ["codex", "exec", *_codex(url), FIRST],
        again=lambda url: ["codex", "exec", "resume", *_codex(url), "--last", SECOND],
        environ=lambda url: {"OPENAI_API_KEY": "k"},
    ),
    "gemini": Start(
        first=lambda url: ["gemini", "-y", "--session-id", SESSION, "-p", FIRST],
        again=lambda url: ["gemini", "-y", "--resume", SESSION, "-p", SECOND],
        environ=lambda url: {
            "GEMINI_API_KEY": "k",
            "GOOGLE_GEMINI_BASE_URL": url,
            "GEMINI_CLI_NO_RELAUNCH": "true",
            "GEMINI_CLI_TRUST_WORKSPACE": "true",
        },
        files={".gemini/settings.json": json.dumps(GEMINI_SETTINGS)},
    ),
    "opencode": Start(
        first=lambda url: ["opencode", "run", "--pure", FIRST],
        again=lambda url: ["opencode", "run", "--pure", "-c", SECOND],
        environ=_opencode,
    ),
    "aider": Start(
        first=lambda url: [*AIDER, *AIDER_MODEL, "--message", FIRST],
        again=lambda url: [*AIDER, *AIDER_MODEL, "--message", SECOND],
        environ=lambda url: {"ANTHROPIC_API_KEY": "k", "ANTHROPIC_API_BASE": url},
    ),
}


def _turns(program: str, tree: Path) -> Iterator[Turn]:
    hands = HANDS[program]
    path = "new.txt" if program in {"codex", "aider"} else str(tree / "new.txt")
    yield hands.write(path, "hello\n")
    if hands.shell:
        yield hands.shell(FAILING)
    yield Turn(text="All done." if hands.shell else "a message of a commit")


def _run(start: Sequence[str], home: Path, tree: Path, environ: dict[str, str]) -> None:
    path = f"{CACHE / 'bin'}{os.pathsep}{os.environ['PATH']}"
    own = {"HOME": str(home), "PATH": path, "LANG": "C.UTF-8", "TERM": "xterm-256color"}
    done = subprocess.run(
        start, cwd=tree, env=own | environ, stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]


def _digests(program: str, home: Path) -> list[SessionDigest]:
    odd: list[tuple[int, str]] = []
    source = SOURCES[program]({}, home, None)
    found = source.find()
    assert found.passed == ()
    refs = sorted(found.refs, key=lambda ref: ref.session)
    made = [digest(ref, source.read(ref, lambda line, why: odd.append((line, why)))) for ref in refs]
    assert odd == []
    return made


@pytest.mark.parametrize("program", STARTS)
def test_what_the_program_wrote_is_read(program: str, api: ModelApi, tmp_path: Path) -> None:
    """Question, file, failure, answer, model, tokens and folder; the second question is in the same session."""
    if not (CACHE / "bin" / program).exists():
        lacking(f"{program} is not installed: `bash .ci/agents`")
    home, tree, start = tmp_path / "home", tmp_path / "home" / "my shöp", STARTS[program]
    tree.mkdir(parents=True)
    for name, text in start.files.items():
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(text)
    author = ("-c", "user.name=a", "-c", "user.email=a@b.invalid")
    for words in (["init", "--quiet"], [*author, "commit", "--quiet", "--allow-empty", "-m", "x"]):
        subprocess.run(["git", *words], cwd=tree, check=True, timeout=60)
    api.play(*_turns(program, tree), all_count=program == "aider")
    _run(start.first(api.url), home, tree, start.environ(api.url))
    (made,) = _digests(program, home)
    assert [one.text.strip('"') for one in made.asked] == [FIRST]
    assert {path.rpartition("/")[2] for path in made.files} == {"new.txt"}
    assert made.end == "with an answer"
    assert made.models
    assert made.folder == str(tree)
    assert made.tokens_in >= 1000
    assert made.tokens_out >= 50
    if program != "aider":
        assert list(made.failed) == [FAILING]
        assert made.answer is not None
        assert made.answer.text == "All done."
    before = made.last_line
    api.play(Turn(text="Second answer."), all_count=program == "aider")
    _run(start.again(api.url), home, tree, start.environ(api.url))
    made = _digests(program, home)[-1]
    assert made.asked[-1].text.strip('"') == SECOND
    assert made.last_line > before
    assert len(_digests(program, home)) == (2 if program == "aider" else 1), "aider begins a chat each time"
    assert made.conversation[-1][0] is EventKind.SAID
