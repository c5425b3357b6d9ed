"""Chats as processes: a served node with a model of its own, real clients, disconnects, restarts, a terminal."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests import program
from tests.acceptance import desks
from tests.acceptance.desks import Desk
from tests.conftest import lacking
from tests.waiting import PATIENCE

if TYPE_CHECKING:
    import openai  # takes a second, which every worker would spend

pytestmark = pytest.mark.model

CLIENTS = Path(os.environ.get("SHIFTBOOK_CI_AGENTS", Path.home() / ".cache" / "shiftbook-ci" / "agents")) / "bin"
AIDER_MODEL = "openai/smollm2-135m-instruct"
"""Where real clients are installed, each in an environment of its own: they pin versions that ours does not."""
WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {
            "type": "object",
            "properties": {"town": {"type": "string", "enum": ["Ulm", "Bonn"]}},
            "required": ["town"],
        },
    },
}


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory, brief_gguf: Path) -> Iterator[Desk]:
    """A node that serves, for all tests that leave it as it is."""
    made = desks.found(tmp_path_factory.mktemp("desk"), SHIFTBOOK_MODEL=str(brief_gguf))
    made.start()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def talker(tmp_path_factory: pytest.TempPathFactory, gguf: Path) -> Iterator[Desk]:
    """One whose answers have no end until somebody stops them."""
    made = desks.found(tmp_path_factory.mktemp("talker"), SHIFTBOOK_MODEL=str(gguf))
    made.start()
    yield made
    made.stop()


@pytest.fixture
def sdk(talker: Desk) -> Iterator[openai.OpenAI]:
    """OpenAI's own client."""
    import openai

    with openai.OpenAI(base_url=f"{talker.url}/v1", api_key=talker.token, timeout=540, max_retries=0) as client:
        yield client


def ask(*words: str) -> Any:
    """Messages."""
    return [{"role": "user", "content": " ".join(words)}]


def test_the_second_turn_comes_from_the_prompt_cache(desk: Desk) -> None:
    """The handoff and the first turn are not read again; usage says how much that was, and so does the sum."""
    one = desk.chat("Which port does the shop use?", project="shop")
    two = desk.chat("And which table?", conversation_id=one["conversation_id"])
    assert one["usage"]["tokens_in"] > 200
    assert two["usage"]["tokens_cached"] > 0.8 * one["usage"]["tokens_in"]
    assert [tier["name"] for tier in two["tiers"]][:2] == ["portfolio", "project"]
    with desk.client() as client:
        used = client.get("/api/v1/usage").json()["missions"][one["conversation_id"]]
    assert used["tokens_cached"] == one["usage"]["tokens_cached"] + two["usage"]["tokens_cached"]


@pytest.mark.parametrize("whole", [False, pytest.param(True, marks=pytest.mark.nightly)], ids=["short", "embedded"])
def test_a_conversation_goes_on_after_a_restart_from_what_was_read(
    tmp_path: Path, brief_gguf: Path, whole: bool
) -> None:
    """Another process, another device: the turns are there, and the prompt's state was saved and is taken up."""
    desk = desks.found(tmp_path, **({} if whole else {"SHIFTBOOK_MODEL": str(brief_gguf)}))
    desk.start()
    one = desk.chat("My cat is called Ada. Which port does the shop use?", project="shop", device_id="phone")
    desk.stop()
    assert list((desk.home / "prompts").glob("*.state"))
    desk.start()
    try:
        two = desk.chat("What is my cat called?", conversation_id=one["conversation_id"], device_id="laptop")
        with desk.client() as client:
            whole = client.get(f"/chat/conversations/{one['conversation_id']}").json()
    finally:
        desk.stop()
    assert two["usage"]["tokens_cached"] > 0.8 * one["usage"]["tokens_in"]
    assert [turn["device"] for turn in whole["messages"] if turn["role"] == "user"] == ["phone", "laptop"]


WRITES = {"message": "Write the word hello into the file hello.txt.", "tools": ["write"]}


def check_calls(desk: Desk, calls: list[dict[str, Any]], journal: str) -> None:
    """All are well formed; if one changed something, the session log has the entry that the answer names."""
    assert all(set(call["arguments"]) <= {"path", "content", "old"} for call in calls)
    if any(call["changed"] for call in calls):
        assert journal
        desk.fleet.git("pull", "--quiet", "--rebase")
        assert journal in (desk.fleet.clone / "SESSION_LOG.md").read_text(encoding="utf-8")


def test_tools_are_constrained_and_what_was_done_is_in_the_log(talker: Desk) -> None:
    """A small model's calls are well formed, and what the first one changed is in the log, although we hung up then."""
    asked, calls, kind = {**WRITES, "device_id": "tools"}, [], ""
    with talker.client() as client, client.stream("POST", "/chat/stream", json=asked) as answer:
        for line in answer.iter_lines():
            kind = line.removeprefix("event: ") if line.startswith("event: ") else kind
            told = json.loads(line.removeprefix("data: ")) if line.startswith("data: ") else {}
            if kind == "tool" and told.get("state") in {"done", "failed"}:
                calls.append(told)
                break
    stored = talker.stored("tools")
    check_calls(talker, calls, stored["answer"].get("journal", ""))


@pytest.mark.nightly
def test_tools_are_constrained_in_a_whole_answer(talker: Desk) -> None:
    """So is each of the calls that a small model makes until it has an answer, a dozen of them."""
    told = talker.chat(**WRITES)  # type: ignore[arg-type]
    check_calls(talker, told["tools"], told["journal"])


@pytest.mark.parametrize("words", [3, 1500], ids=["while it answers", "while it reads"])
def test_who_hangs_up_ends_the_answer(talker: Desk, words: int) -> None:
    """What came is stored as cancelled, long before the answer would have been whole; the node answers others."""
    message = "Tell a very long story. " + "word " * words
    with (
        talker.client() as client,
        client.stream("POST", "/chat/stream", json={"message": message, "device_id": "gone"}) as answer,
    ):
        assert answer.status_code == 200
        lines = answer.iter_lines()
        wanted = "event: token" if words == 3 else "event: start"
        assert any(line == wanted for line in lines)
    assert talker.stored("gone")["answer"]["finish"] == "cancelled"
    with talker.client() as client:
        asked = {"model": "xllamacpp", "messages": ask("Hello?"), "max_tokens": 4}
        answer = client.post("/v1/chat/completions", json=asked).raise_for_status().json()
    assert answer["choices"][0]["message"]["content"]


def test_the_official_client_gets_a_completion(sdk: openai.OpenAI) -> None:
    """In one piece and as a stream with usage."""
    whole = sdk.chat.completions.create(model="", messages=ask("Say hello."), max_tokens=12, temperature=0, seed=1)
    assert whole.choices[0].message.content
    assert whole.usage is not None
    assert whole.usage.completion_tokens <= 12
    stream = sdk.chat.completions.create(
        model="",
        messages=ask("Say hello."),
        max_tokens=12,
        temperature=0,
        seed=1,
        stream=True,
        stream_options={"include_usage": True},
    )
    chunks = list(stream)
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == whole.choices[0].message.content
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.prompt_tokens == whole.usage.prompt_tokens


@pytest.mark.parametrize("stream", [False, True])
def test_the_official_client_gets_a_call_of_a_function(sdk: openai.OpenAI, stream: bool) -> None:
    """Well formed, whatever the model is, also while streaming."""
    how: Any = {"model": "", "messages": ask("Weather in Ulm?"), "tools": [WEATHER], "tool_choice": "required"}
    if stream:
        pieces = [chunk.choices[0] for chunk in sdk.chat.completions.create(**how, stream=True)]
        (call,) = next(piece.delta.tool_calls for piece in pieces if piece.delta.tool_calls)
        finish = pieces[-1].finish_reason
    else:
        made = sdk.chat.completions.create(**how)
        (call,) = made.choices[0].message.tool_calls or ()
        finish = made.choices[0].finish_reason
    assert finish == "tool_calls"
    assert call.function.name == "weather"
    assert isinstance(json.loads(call.function.arguments)["town"], str)


def test_the_official_client_gets_the_format_that_it_asks_for(sdk: openai.OpenAI) -> None:
    """json_schema."""
    schema = {"type": "object", "properties": {"age": {"type": "integer"}}, "required": ["age"]}
    made = sdk.chat.completions.create(
        model="",
        messages=ask("How old is Ada? 7."),
        response_format={"type": "json_schema", "json_schema": {"name": "age", "schema": schema}},
    )
    assert isinstance(json.loads(made.choices[0].message.content or "")["age"], int)


def test_the_official_client_gets_models_vectors_and_errors(sdk: openai.OpenAI) -> None:
    """Each as its own types and exceptions."""
    import openai

    (first, *_) = sdk.models.list().data
    assert first.context_length == 8192  # type: ignore[attr-defined]
    assert sdk.models.retrieve(first.id).id == first.id
    vectors = sdk.embeddings.create(model=first.id, input=["one", "two"]).data
    assert len(vectors) == 2
    assert len(vectors[0].embedding) == len(vectors[1].embedding) > 100
    with pytest.raises(openai.BadRequestError) as caught:
        sdk.chat.completions.create(model="", messages=ask("word " * 9000))
    assert caught.value.code == "context_length_exceeded"
    with pytest.raises(openai.NotFoundError):
        sdk.chat.completions.create(model="nosuch", messages=ask("x"))


def client_program(name: str) -> str:
    """A client that `.ci/agents` has installed."""
    program = CLIENTS / name
    if not program.exists():
        lacking(f"{name} is not in {CLIENTS}: `.ci/agents` installs it")
    return str(program)


def test_the_llm_command(desk: Desk, tmp_path: Path) -> None:
    """`llm`, with this node as one of its models: it streams an answer and exits with 0."""
    program = client_program("llm")
    (tmp_path / "extra-openai-models.yaml").write_text(
        f"- model_id: desk\n  model_name: smollm2-135m-instruct\n  api_base: {desk.url}/v1\n  api_key_name: desk\n"
    )
    (tmp_path / "keys.json").write_text(json.dumps({"desk": desk.token}))
    done = subprocess.run(
        [program, "-m", "desk", "-o", "max_tokens", "12", "Say hello."],
        env=os.environ | {"LLM_USER_PATH": str(tmp_path)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=540,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


@pytest.mark.nightly
def test_aider(desk: Desk, tmp_path: Path) -> None:
    """aider sends its long prompt, gets an answer and counts tokens. (What a model of this size writes is no edit.) The
    short form is the official client's, which aider uses, in one piece and as a stream with usage."""
    program = client_program("aider")
    (tmp_path / "hello.py").write_text("print('hello')\n")
    short = f"- name: {AIDER_MODEL}\n  extra_params:\n    stop: ['.']\n"
    (tmp_path / ".aider.model.settings.yml").write_text(short)
    words = ("--message", "Say hello.", "--yes-always", "--no-git", "--no-pretty", "--no-check-update", "--stream")
    quiet = ("--analytics-disable", "--no-show-model-warnings", "--map-tokens", "0", "--edit-format", "ask")
    done = subprocess.run(
        [program, "--model", AIDER_MODEL, *words, *quiet, "hello.py"],
        cwd=tmp_path,
        env=os.environ | {"OPENAI_API_BASE": f"{desk.url}/v1", "OPENAI_API_KEY": desk.token, "HOME": str(tmp_path)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=540,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Tokens:" in done.stdout, done.stdout


def test_the_command_asks_the_node_that_runs(desk: Desk) -> None:
    """One message as JSON, through the node; the next goes on with that conversation."""
    env = desk.environment | {"SHIFTBOOK_HTTP": "off"}  # so that it cannot serve; it finds the node by http.json
    told = [
        json.loads(program.run("chat", "--json", *more, env=env, cwd=desk.fleet.folder).stdout)
        for more in (["Hello?"], ["--continue", "Again?"])
    ]
    assert told[0]["conversation_id"] == told[1]["conversation_id"]
    assert (told[0]["seq"], told[1]["seq"]) == (2, 4)
    with desk.client() as client:
        assert client.get(f"/chat/conversations/{told[0]['conversation_id']}").json()["device"] == "terminal"


def test_ctrl_c_stops_the_answer_and_not_the_program(talker: Desk) -> None:
    """In a real terminal: an interrupt while it answers, another message, then the end of input."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(sys.executable, [sys.executable, "-m", "orchestrator", "chat"], talker.environment)
    seen = Screen(terminal)
    try:
        seen.until("/help")
        os.write(terminal, b"Tell a very long story about a dog and a cat and a mouse.\n")
        seen.until("a mouse.")
        with talker.client() as client:
            talker.until("it answers", lambda: "shiftbook_streams 1.0" in client.get("/metrics").text)
        os.kill(pid, signal.SIGINT)
        seen.until("stopped")
        os.write(terminal, b"/new\n")
        seen.until("a new conversation")
        status = ended(pid, terminal)
        pid = 0
        assert os.waitstatus_to_exitcode(status) == 0
    finally:
        if pid:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        os.close(terminal)


def ended(pid: int, terminal: int) -> int:
    """Types the end of input until the program has ended: what is typed before it reads a line again is lost."""
    over = time.monotonic() + PATIENCE
    while time.monotonic() < over:
        os.write(terminal, b"\x04")
        time.sleep(0.2)
        gone, status = os.waitpid(pid, os.WNOHANG)
        if gone:
            return status
    raise AssertionError("it does not end")


class Screen:
    """What a terminal has shown."""

    def __init__(self, terminal: int) -> None:
        self.terminal, self.shown = terminal, ""

    def until(self, text: str, *, seconds: float = PATIENCE) -> None:
        """Waits until it shows some text that it did not show before."""
        over = time.monotonic() + seconds
        os.set_blocking(self.terminal, False)
        while text not in self.shown:
            assert time.monotonic() < over, f"{text!r} is not shown: {self.shown}"
            try:
                self.shown += os.read(self.terminal, 4096).decode("utf-8", "replace")
            except BlockingIOError:
                time.sleep(0.02)
        self.shown = self.shown.partition(text)[2]
