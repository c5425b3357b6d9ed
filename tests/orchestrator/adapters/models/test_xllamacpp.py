"""Facts about the model that comes along, and the process in which it runs."""

from __future__ import annotations

import http.client
import json
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest

from orchestrator.adapters.models import xllamacpp_server
from orchestrator.adapters.models.model_file import EmbeddedModel, ModelFile
from orchestrator.adapters.models.xllamacpp import XLlamaCpp
from orchestrator.core.errors import ModelUnavailable
from orchestrator.core.ports.model import Prompt, PromptMessage
from tests.waiting import PATIENCE, until

HELLO = Prompt(messages=(PromptMessage(role="user", content="Say hello."),), max_tokens=2)


@pytest.mark.model
def test_port_is_shut(embedded: XLlamaCpp) -> None:
    """Nobody else on the machine can use the port that the library opens."""
    embedded.count("load")
    address = urlsplit(embedded._load().address)
    assert address.hostname == "127.0.0.1"
    for method, path in (
        ("POST", "/completion"),
        ("POST", "/v1/chat/completions"),
        ("GET", "/slots"),
        ("GET", "/props"),
    ):
        connection = http.client.HTTPConnection("127.0.0.1", address.port, timeout=60)
        connection.request(method, path, json.dumps({"prompt": "x"}) if method == "POST" else None)
        assert connection.getresponse().status == 401
        connection.close()


@pytest.mark.model
def test_says_which_weights(embedded: XLlamaCpp) -> None:
    """An answer names the file that it came from, with its quantisation."""
    made = embedded.generate(HELLO, on_text=lambda text: None, stop=threading.Event())
    assert made.usage.model == "SmolLM2-135M-Instruct.Q4_1"


def test_not_a_model(tmp_path: Path) -> None:
    """A file that is no model is a model that is unavailable, with its path; asking what is missing loads nothing."""
    path = tmp_path / "broken.gguf"
    assert "not there" in (XLlamaCpp(ModelFile(path=path)).missing() or "")
    path.write_bytes(b"GGUF nonsense")
    model = XLlamaCpp(ModelFile(path=path))
    assert model.missing() is None
    for _ in range(2):
        with pytest.raises(ModelUnavailable, match=r"broken\.gguf"):
            model.generate(HELLO, on_text=lambda text: None, stop=threading.Event())
    with pytest.raises(ModelUnavailable):
        model.count("x")
    model.close()
    model.close()


PROGRAM = """
import sys, threading
from orchestrator.adapters.models.model_file import EmbeddedModel
from orchestrator.adapters.models.xllamacpp import XLlamaCpp
from orchestrator.core.ports.model import Prompt, PromptMessage
from tests.waiting import PATIENCE
model = XLlamaCpp(EmbeddedModel(), context_tokens=1024)
stop = threading.Event()
call = dict(on_text=lambda text: first.set(), stop=stop)
first = threading.Event()
asked = Prompt(messages=(PromptMessage(role="user", content="Tell me a story."),), max_tokens=int(sys.argv[2]))
work = lambda: model.generate(asked, **call)
if sys.argv[1] == "busy":
    threading.Thread(target=work, daemon=True).start()
    first.wait(PATIENCE)
else:
    work()
if sys.argv[1] == "closed":
    model.close(); model.close()
    stop.clear(); work()
"""


@pytest.mark.model
@pytest.mark.parametrize(("how", "tokens"), [("busy", 500), ("left", 4), ("closed", 4)])
def test_exit(how: str, tokens: int, embedded: XLlamaCpp) -> None:
    """A program ends cleanly and without a word, whether its model was closed, left open or still answering."""
    done = subprocess.run([sys.executable, "-c", PROGRAM, how, str(tokens)], capture_output=True, timeout=PATIENCE)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


@pytest.mark.model
def test_nothing_stands_still_while_it_loads_and_its_process_goes_with_it(
    embedded: XLlamaCpp, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Threads of this process go on: the library, which holds the interpreter while it loads, is in another one, that
    here stands still in the middle. It ends with the model, and one that was killed is started again by the next call.
    """
    begun = list[subprocess.Popen[str]]()
    started = xllamacpp_server._started

    def standing(process: subprocess.Popen[str], told: Mapping[str, Any]) -> str:
        process.send_signal(signal.SIGSTOP)
        begun.append(process)
        return started(process, told)

    monkeypatch.setattr(xllamacpp_server, "_started", standing)
    model = XLlamaCpp(EmbeddedModel(), context_tokens=512, slots=1)
    loading = threading.Thread(target=model.count, args=("load",))
    loading.start()
    until(lambda: begun, "it loads")
    assert loading.is_alive(), "it waits for its process, and this thread waits for neither"
    monkeypatch.undo()
    begun[0].send_signal(signal.SIGCONT)
    loading.join(PATIENCE)
    assert not loading.is_alive()
    assert str(EmbeddedModel().file()) not in Path("/proc/self/maps").read_text(encoding="utf-8")
    first = model._load().process
    assert first is begun[0]
    first.kill()
    first.wait(PATIENCE)
    assert model.generate(HELLO, on_text=lambda text: None, stop=threading.Event()).usage.tokens_out
    second = model._load().process
    model.close()
    assert second.wait(PATIENCE) is not None


LOADED = """
import os, signal
from orchestrator.adapters.models.model_file import EmbeddedModel
from orchestrator.adapters.models.xllamacpp import XLlamaCpp
model = XLlamaCpp(EmbeddedModel(), context_tokens=512, slots=1)
model.count("load")
print(model._load().process.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.model
def test_a_killed_program_leaves_no_model_behind(embedded: XLlamaCpp) -> None:
    """Nobody ends the model's process then: it sees that nobody is there any more."""
    done = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == -signal.SIGKILL, done.stderr
    pid = int(done.stdout)
    until(lambda: not _works(pid), "it is gone")


def _works(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
