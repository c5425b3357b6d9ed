"""`shiftbook continuity`: each step says the next one, for people and for programs, and wrong use in one line."""

from __future__ import annotations

import json
import os
import re
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from orchestrator.cli import cli
from orchestrator.continuity.study_plan import write_plan
from orchestrator.core.errors import WrongSetting
from tests.loopback import LoopbackServer
from tests.orchestrator.continuity.readers import UsingReader
from tests.orchestrator.continuity.studies import planned, run_study
from tests.orchestrator.continuity.test_goal_report import WantingReader, goal_plan

Type = Callable[..., Result]


@pytest.fixture
def typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Type:
    """Types a command on a machine on which nothing was ever set up."""
    for name in [name for name in os.environ if name.startswith(("SHIFTBOOK_", "FACTORY_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("SHIFTBOOK_HOME", str(tmp_path / "node"))
    monkeypatch.chdir(tmp_path)
    return lambda *words: CliRunner().invoke(cli, ["continuity", *words])


class _Handler(BaseHTTPRequestHandler):
    """A stand-in for a model's server: of each thing to choose it takes the first that is listed."""

    def log_message(self, *_: object) -> None:
        """Says nothing."""

    def do_GET(self) -> None:
        self._send("application/json", json.dumps({"data": [{"id": "first", "context_length": 8192}]}))

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["messages"][-1]["content"]
        said = json.dumps(dict(re.findall(r'^(\w+): one of "([^"]+)"', asked, re.MULTILINE)))
        parts = ({"delta": {"content": said}}, {"delta": {}, "finish_reason": "stop"})
        lines = [json.dumps({"model": "first", "choices": [part]}) for part in parts]
        self._send("text/event-stream", "".join(f"data: {line}\n\n" for line in (*lines, "[DONE]")))

    def _send(self, kind: str, text: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())


@pytest.fixture
def server() -> Iterator[str]:
    """Such a server on loopback."""
    with LoopbackServer(("127.0.0.1", 0), _Handler) as made:
        threading.Thread(target=made.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{made.server_port}/v1"
        made.shutdown()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A study that is planned, and not begun."""
    write_plan(planned(UsingReader(), projects=2), tmp_path / "study")
    return tmp_path / "study"


def test_a_study_is_shown_with_its_next_step(typed: Type, folder: Path) -> None:
    """How far it is, what was planned, and what to type."""
    shown = typed("show", str(folder))
    assert shown.exit_code == 0
    assert "0 of 112 trials · scripted/uses" in shown.stdout
    assert f"next: shiftbook continuity run {folder}" in shown.stderr
    plan = planned(UsingReader(), projects=2)
    run_study(plan, UsingReader(), folder)
    told = json.loads(typed("show", str(folder), "--json").stdout)
    assert (told["done"], told["planned"], told["sha256"]) == (112, 112, plan.digest)
    assert "continuity report" in typed("show", str(folder)).stderr


def test_the_report_is_a_page_a_file_and_data(typed: Type, folder: Path, tmp_path: Path) -> None:
    """The same verdicts in each; two projects are too few for any."""
    run_study(planned(UsingReader(), projects=2), UsingReader(), folder)
    page = typed("report", str(folder), "--title", "My study").stdout
    assert page.startswith("# My study\n")
    assert typed("report", str(folder), "--title", "My study", "--to", "page.md").stdout == "wrote page.md\n"
    assert (tmp_path / "page.md").read_text(encoding="utf-8") == page
    told = json.loads(typed("report", str(folder), "--json").stdout)
    assert told["whole"]
    assert [one["holds"] for one in told["hypotheses"]] == [False, False]
    assert [one["arm"] for one in told["arms"]] == ["nothing", "placebo", "handoff", "oracle"]


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("show", "nowhere"), "shiftbook continuity plan DIR"),
        (("report", "nowhere"), "shiftbook continuity plan DIR"),
        (("run", "nowhere"), "shiftbook continuity plan DIR"),
        (("plan", "new", "--arm", "sugar"), "there is no arm 'sugar'"),
        (("plan", "new", "--items", "goals", "--arm", "handoff"), "nothing is missing"),
    ],
)
def test_wrong_use_is_one_line(typed: Type, words: tuple[str, ...], line: str) -> None:
    """No plan, no such arm; nothing is written."""
    done = typed(*words)
    assert done.exit_code != 0
    assert line in str(done.exception)
    assert not Path("new").exists()


def test_a_study_of_goals_is_a_page_of_markdown_and_data(typed: Type, tmp_path: Path) -> None:
    """The goals are in both, and the other form is refused in one line."""
    reader = WantingReader()
    plan = goal_plan(reader)
    write_plan(plan, tmp_path / "goals")
    run_study(plan, reader, tmp_path / "goals")
    told = json.loads(typed("report", "goals", "--json").stdout)
    assert next((one["emerges"], one["projects"]) for one in told["goals"]) == (True, {"handoff": 6})
    assert "## Goals of their own" in typed("report", "goals").stdout
    assert "leave --html out" in str(typed("report", "goals", "--html").exception)


SMALL = ("--projects", "2", "--instances", "1", "--items", "questions", "--arm", "nothing", "--arm", "oracle")


def test_a_study_of_any_backend(typed: Type, server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Planned, run and reported with the model of a server: the plan names it, and says what it would take."""
    monkeypatch.setenv("SHIFTBOOK_OPENAI_URL", server)
    monkeypatch.setenv("LLM_PROVIDER_OVERRIDE", "openai")
    made = typed("plan", "study", *SMALL)
    assert made.exit_code == 0, made.exception
    assert "28 trials of openai/first" in made.stdout
    assert "shiftbook continuity run study" in made.stderr
    again = typed("plan", "study", *SMALL)
    assert "never changed" in str(again.exception)
    assert "at most 28 calls" in made.stdout
    refused = typed("run", "study")
    assert "--yes" in str(refused.exception)
    assert "28 calls" in str(refused.exception)
    assert "in no commit" in refused.stderr
    ran = typed("run", "study", "--yes", "--json")
    assert ran.exit_code == 0, (ran.exception, ran.stderr)
    first = json.loads(ran.stdout)
    assert (first["made"], first["done"], first["planned"]) == (28, 28, 28)
    rest = typed("run", "study", "--yes")
    assert "0 trials made, 28 of 28 are there; next: shiftbook continuity report study" in rest.stdout
    assert "28 of 28 trials are made" in typed("report", "study").stdout
    monkeypatch.setenv("SHIFTBOOK_OPENAI_URL", "http://127.0.0.1:9/v1")
    gone = typed("run", "study")
    assert isinstance(gone.exception, WrongSetting)
    assert "SHIFTBOOK_MODEL" in str(gone.exception)


def test_a_plan_says_what_its_power_would_take(typed: Type, server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything is run: a small study is told that it is one."""
    monkeypatch.setenv("SHIFTBOOK_OPENAI_URL", server)
    monkeypatch.setenv("LLM_PROVIDER_OVERRIDE", "openai")
    arms = ("--arm", "nothing", "--arm", "handoff")
    made = typed("plan", "study", "--projects", "2", *arms)
    assert re.search(r"a power of 80% would take about \d+ projects", made.stderr)
    told = json.loads(typed("plan", "other", "--projects", "2", *arms, "--json").stdout)
    assert told["power"]["a handoff is better than nothing"] < 0.8
    assert len(told["hypotheses"]) == 1
    assert told["trials"] == 2 * 2 * 2 * 9


@pytest.mark.model
@pytest.mark.nightly
def test_a_study_of_the_embedded_model(typed: Type, tmp_path: Path) -> None:
    """Planned, run, broken off, taken up again and reported, with the model that every machine has."""
    planned_ = typed("plan", "study", *SMALL, "--budget", "300")
    assert planned_.exit_code == 0, planned_.exception
    assert "28 trials of xllamacpp/" in planned_.stdout
    while (told := json.loads(typed("run", "study", "--minutes", "2", "--json").stdout))["done"] < 28:
        assert told["made"] > 0
    page = typed("report", "study").stdout
    assert "28 of 28 trials" in page
    assert "| questions right |" in page


def test_an_ablation_is_planned_by_its_name(
    typed: Type, server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its arms, hypotheses, tokens and items; a number that was typed goes first."""
    monkeypatch.setenv("SHIFTBOOK_OPENAI_URL", server)
    monkeypatch.setenv("LLM_PROVIDER_OVERRIDE", "openai")
    made = json.loads(typed("plan", "study", "--ablation", "action", "--projects", "2", "--json").stdout)
    assert made["arms"] == ["nothing", "oracle", "misplaced", "after", "refused"]
    assert (made["items"], made["budget"], len(made["hypotheses"])) == ("tasks", 600, 2)
    typing = ("--ablation", "tiers", "--projects", "2", "--budget", "500", "--json")
    other = json.loads(typed("plan", "two", *typing).stdout)
    assert (other["items"], other["budget"]) == ("all", 500)
    assert (tmp_path / "two" / "plan.json").exists()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--ablation", "sugar"), "one of tiers"),
        (("--ablation", "order", "--arm", "tail"), "leave"),
        (("--ablation", "order", "--items", "goals"), "none asks"),
    ],
)
def test_a_wrong_ablation_is_one_line(typed: Type, words: tuple[str, ...], says: str) -> None:
    """Before any model is looked for."""
    with pytest.raises(WrongSetting, match=says):
        raise typed("plan", "study", *words).exception or AssertionError("it was taken")
