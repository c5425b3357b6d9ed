"""Which backend answers in the terminal: the node that runs here, over HTTP, or this process itself?"""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import quote

import httpx

from missions.plain_data import read_json
from orchestrator.app import wiring
from orchestrator.app.factories.chat_factory import ChatRuntime, open_chat_runtime
from orchestrator.app.web_process import served_at
from orchestrator.chat.values import AnswerEvent, ChatRequest
from orchestrator.core.errors import NotFound, OrchestratorError, Refused
from orchestrator.core.settings import Settings

READ_TIMEOUT_SECONDS = 30.0
"""Seconds without a word after which a node is taken for dead; it sends a ping each second."""


STRANGE = "the node's answer cannot be read: is another program there, or another version?"


@dataclass(frozen=True, kw_only=True)
class LastConversation:
    """A conversation that can be gone on with."""

    id: str
    title: str
    turns: int


class ChatBackend(Protocol):
    """A way to a chat."""

    where: str
    """What the person is told about it."""

    def ask(self, request: ChatRequest) -> Generator[AnswerEvent, None, None]:
        """The events of one answer. Closing it ends the answer. Raises OrchestratorError."""

    def decide(self, question: str, *, allow: bool) -> None:
        """A word on a question. Raises OrchestratorError."""

    def last(self, device: str) -> LastConversation | None:
        """The conversation that was used last on this device. Raises OrchestratorError."""

    def turns(self, conversation: str) -> Iterator[tuple[str, str]]:
        """Who said what in a conversation, user or assistant, from its beginning. Raises OrchestratorError."""

    def warm(self, model: str) -> None:
        """Has the model loaded that `model` means, before it is asked. Raises OrchestratorError."""

    def models(self) -> list[str]:
        """The models that could answer, the one that does so by itself first. Raises OrchestratorError."""


@contextmanager
def open_chat_backend(settings: Settings, token: str) -> Iterator[ChatBackend]:
    """The running node where there is one, else this process. Closes it."""
    url = _running(settings, token)
    if url:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        with httpx.Client(base_url=url, headers=headers, timeout=READ_TIMEOUT_SECONDS, trust_env=False) as client:
            yield RemoteChat(client=client, where=f"{settings.node} · {url.removeprefix('http://')}")
        return
    stores = wiring.stores(settings)
    room = open_chat_runtime(settings, stores)
    try:
        yield LocalChat(room=room, where=f"{settings.node} · in this process")
    finally:
        room.close()
        stores.close()


def _running(settings: Settings, token: str) -> str:
    """Where this node serves; "" where it does not, or serves no chats."""
    url = served_at(settings.home)
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        answer = httpx.get(f"{url}/chat/approvals", headers=headers, timeout=5, trust_env=False)
    except (httpx.HTTPError, httpx.InvalidURL):
        return ""
    if answer.status_code == 401:
        raise Refused("the node here asks for a token: --token, or SHIFTBOOK_TOKEN (`shiftbook token new NAME`)")
    return url if answer.status_code == 200 else ""


@dataclass(kw_only=True)
class RemoteChat:
    """A node over HTTP."""

    client: httpx.Client
    where: str

    def ask(self, request: ChatRequest) -> Generator[AnswerEvent, None, None]:
        """The events, as they come."""
        body = {
            "message": request.message,
            "device_id": request.device,
            "conversation_id": request.conversation,
            "project": request.project,
            "model": request.model,
            "tools": list(request.tools),
            "trim": request.trim,
            "match": request.match,
        }
        try:
            with self.client.stream("POST", "/chat/stream", json=body) as answer:
                if answer.status_code != 200:
                    answer.read()
                    raise _node_error(answer)
                yield from _events(answer.iter_lines())
        except httpx.HTTPError as error:
            raise _silent(error) from error

    def decide(self, question: str, *, allow: bool) -> None:
        """A word on a question."""
        self._asked("POST", f"/chat/approvals/{quote(question, safe='')}", json={"allow": allow})

    def last(self, device: str) -> LastConversation | None:
        """The conversation that was used last."""
        asked = {"device_id": device, "limit": 1}
        for found in _objects(self._asked("GET", "/chat/conversations", params=asked), "conversations"):
            turns = found.get("turns")
            return LastConversation(
                id=str(found.get("id")), title=str(found.get("title")), turns=turns if isinstance(turns, int) else 0
            )
        return None

    def turns(self, conversation: str) -> Iterator[tuple[str, str]]:
        """Every turn, a page at a time."""
        after = 0
        while True:
            page = self._asked("GET", f"/chat/conversations/{quote(conversation, safe='')}", params={"after": after})
            found = [each for each in _objects(page, "messages") if isinstance(each.get("seq"), int)]
            yield from ((str(each.get("role")), str(each.get("content"))) for each in found)
            newest = max((each["seq"] for each in found), default=after)
            if newest <= after:
                return
            after = newest

    def warm(self, model: str) -> None:
        """The node's own matter."""

    def models(self) -> list[str]:
        """What the node offers."""
        return [str(each.get("id")) for each in _objects(self._asked("GET", "/v1/models"), "data")]

    def _asked(self, method: str, path: str, **given: Any) -> Any:
        """What the node answers, which may be any JSON. Raises NotFound, Refused."""
        try:
            answer = self.client.request(method, path, **given)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise _silent(error) from error
        if answer.status_code != 200:
            raise _node_error(answer)
        try:
            return read_json(answer.content)
        except ValueError as error:
            raise Refused(f"{STRANGE} ({error})") from error


def _objects(found: Any, name: str) -> list[Mapping[str, Any]]:
    """The objects of a list in an answer. Raises Refused where there is none."""
    listed = found.get(name) if isinstance(found, dict) else None
    if not isinstance(listed, list):
        raise Refused(f"{STRANGE} (without {name})")
    return [each for each in listed if isinstance(each, dict)]


def _events(lines: Iterator[str]) -> Iterator[AnswerEvent]:
    kind = ""
    for line in lines:
        if line.startswith("event: "):
            kind = line.removeprefix("event: ")
        elif line.startswith("data: "):
            try:
                yield AnswerEvent(kind=kind, data=read_json(line.removeprefix("data: ")))
            except ValueError as error:
                raise Refused(f"{STRANGE} ({error})") from error


def _silent(error: Exception) -> Refused:
    return Refused(f"the node does not answer any more: {str(error) or type(error).__name__}")


def _node_error(answer: httpx.Response) -> OrchestratorError:
    said = f"the node answered {answer.status_code}"
    with suppress(ValueError):
        problem = read_json(answer.content)
        if isinstance(problem, dict) and problem.get("title"):
            said = ": ".join(str(problem[key]) for key in ("title", "detail") if problem.get(key))
    return NotFound(said) if answer.status_code == 404 else Refused(said)


@dataclass(kw_only=True)
class LocalChat:
    """Chats in this process."""

    room: ChatRuntime
    where: str
    _threads: list[threading.Thread] = field(default_factory=list)

    def ask(self, request: ChatRequest) -> Generator[AnswerEvent, None, None]:
        """The events, as they come; the work goes on in a thread, which ends with this."""
        stop, events = threading.Event(), queue.SimpleQueue[AnswerEvent | BaseException | None]()

        def work() -> None:
            try:
                self.room.chat.answer(request, events.put, stop)
                events.put(None)
            except BaseException as error:  # raised again in the caller's thread
                events.put(error)

        thread = threading.Thread(target=work, name="answer", daemon=True)
        thread.start()
        try:
            while (event := events.get()) is not None:
                if isinstance(event, BaseException):
                    raise event
                yield event
        finally:
            stop.set()
            thread.join(10)

    def decide(self, question: str, *, allow: bool) -> None:
        """A word on a question."""
        self.room.chat.approvals.decide(question, allow=allow)

    def last(self, device: str) -> LastConversation | None:
        """The conversation that was used last."""
        for found in self.room.stores.conversations.listing(device=device, limit=1):
            return LastConversation(id=found.id, title=found.title, turns=found.turns)
        return None

    def turns(self, conversation: str) -> Iterator[tuple[str, str]]:
        """Every turn, a page at a time."""
        after = 0
        while page := self.room.stores.conversations.turns(conversation, after_seq=after):
            yield from ((turn.role, turn.content) for turn in page)
            after = max(turn.seq for turn in page)

    def warm(self, model: str) -> None:
        """Loads it into this process, where it is one that does so."""
        self.room.router.choose(model).model.count("")

    def models(self) -> list[str]:
        """What the backends that can be reached have."""
        first = self.room.router.choose("").model.name
        names = [each.name for each in self.room.router.models()]
        return [first, *(name for name in dict.fromkeys(names) if name != first)]
