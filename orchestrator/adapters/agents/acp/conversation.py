"""What is a round's conversation with a program that speaks the Agent Client Protocol, and what does it come to?

One round is: initialize, a session (new, or loaded), its mode and model, one prompt, the end of the input. Meanwhile
the program asks for permissions, and is answered by policy. Whatever else it asks for is not offered. The types of the
official SDK say what the messages are; its own connection is not used, because it wants an event loop and logs a
traceback for what a program sends that it does not know.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from handoff.secrets.excerpts import redacted_line
from orchestrator.adapters.agents.acp.answer_text import AnswerText
from orchestrator.adapters.agents.acp.ended_calls import EndedCalls
from orchestrator.adapters.agents.acp.permissions import MAX_ID_CHARS, CallKinds, answer_permission
from orchestrator.adapters.agents.acp.protocol_requests import (
    initialize_request,
    is_request_id,
    session_request,
    setting_request,
)
from orchestrator.adapters.agents.acp.session_settings import (
    SessionSettings,
    SettingRequest,
    UnfitSession,
    mode_of,
    mode_told,
    settings_to_make,
)
from orchestrator.core.ports.model import Usage
from orchestrator.execution.programs.error_kinds import MAX_ERROR_CHARS, error_line
from orchestrator.execution.programs.json_events import MAX_DENIALS, object_at, parse_event, text_at, value_at
from orchestrator.execution.programs.port import ErrorKind, ParsedOutput, ToolServer

if TYPE_CHECKING:
    from pydantic import BaseModel

START_SECONDS = 300.0
"""For so long may a program be silent before its session has begun; then a person must look at its table."""
MAX_START_SECONDS = 4 * START_SECONDS
"""For so long may it take to begin, however much it says."""
MAX_ASKED = 10_000
"""Most questions of a program that are answered in a round."""
MAX_TOLD_CHARS = 300
"""Characters that are told of a message that the protocol does not know."""
MAX_MODE_CHANGES = 20
"""So often is the mode set back that it left of its own accord."""
METHOD_NOT_FOUND, INVALID_PARAMS = -32601, -32602
STEERING = "_session/steering"
"""The extension by which some take a text into a running turn; they say so (`_meta.steering.supported`)."""
ENDS = {
    "max_tokens": "its model's answer was cut: it reached the most tokens that it may have",
    "max_turn_requests": "it asked its model as often as it may in one turn",
    "refusal": "its model refused to go on",
    "cancelled": "it broke its turn off",
}
"""What a turn ended with that is no success."""
Handler = Callable[[Any], str]


@dataclass(frozen=True, kw_only=True)
class SessionPlan:
    """What a round says. With `session`, it goes on with that one. `tools` is what policy allows; None: all."""

    name: str
    prompt: str
    tree: str
    session: str = ""
    settings: SessionSettings = field(default_factory=SessionSettings)
    login: str = ""
    tools: tuple[str, ...] | None = None
    servers: tuple[ToolServer, ...] = ()


class AcpConversation:
    """One round. `clock` is in seconds; `last_words` is what the program said on its standard error last."""

    def __init__(
        self,
        plan: SessionPlan,
        *,
        last_words: Callable[[], str] = lambda: "",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._plan, self._last_words, self._clock = plan, last_words, clock
        self._lock = threading.RLock()
        self._send: Callable[[bytes], bool] = lambda _data: True
        self._finish: Callable[[], None] = lambda: None
        self._pending: dict[int, tuple[str, Handler]] = {}
        self._number = self._asked_times = self._mode_changes = 0
        self._began = self._spoke = self._clock()
        self._session, self._resumable, self._steerable = "", False, False
        self._to_set: list[SettingRequest] = []
        self._mode_setting: SettingRequest | None = None
        self._mode = ""
        self._prompting = self._ended = self._over = self._cancelled = self._undelivered = False
        self._text, self._kinds, self._calls = AnswerText(), CallKinds(), EndedCalls()
        self._plain, self._error = "", ""
        self._trouble: ErrorKind | None = None
        self._denials: dict[str, None] = {}
        self._unheard: list[str] = []

    def begin(self, send: Callable[[bytes], bool], finish: Callable[[], None]) -> None:
        """Says which protocol is spoken, and what is offered: no files, no terminal."""
        with self._lock:
            self._send, self._finish = send, finish
            self._began = self._spoke = self._clock()
            self._request("initialize", initialize_request(), self._initialized)

    def take(self, line: str) -> str:
        """Takes a message; a line that is none is passed on."""
        found = parse_event(line)
        with self._lock:
            if "method" in found:
                self._spoke = self._clock()
                return self._asked(found) if "id" in found else self._notified(found)
            if "id" in found and ("result" in found or "error" in found):
                self._spoke = self._clock()
                return self._answered(found)
            self._plain = redacted_line(line, MAX_ERROR_CHARS) or self._plain
        return line

    def told(self, exit_code: int | None) -> ParsedOutput:
        """What is known by now. While it runs, an end that nothing follows is one, however it came about, unless it
        was asked for: what is broken off is not done. The answer is known when nothing more is added to it."""
        with self._lock:
            error = self._error
            if exit_code is not None and not (self._ended or error):
                error = self._last_words() or self._plain
            if self._undelivered and not (self._ended or error):
                error = "it does not read what it is told"
            return ParsedOutput(
                ended=self._ended or (exit_code is None and self._over and not self._cancelled),
                session=self._session if self._resumable else "",
                answer="" if exit_code is None and self._prompting and not self._cancelled else self._text.answer,
                error=error,
                trouble=self._trouble,
                denials=tuple(self._denials),
                actions=tuple(self._calls.actions),
                usage=Usage(backend=self._plan.name),
            )

    def say(self, text: str) -> bool:
        """Passes a person's words into the running turn, where the program has a way for that."""
        with self._lock:
            if not (self._steerable and self._prompting) or self._cancelled:
                return False
            said = {**self._content(text), "_meta": {"steering": {"idleBehavior": "promptRequired"}}}
            if not self._send_request(STEERING, said, lambda result: self._steered(text, result)):
                return False
            self._unheard.append(text)
            return True

    @property
    def unheard(self) -> tuple[str, ...]:
        """What the program was sent and did not say that it has taken in."""
        with self._lock:
            return tuple(self._unheard)

    def cancel(self) -> bool:
        """Breaks the turn off, after which the session can be gone on with. Nothing that ends so is a success."""
        with self._lock:
            self._cancelled = True
            if not self._prompting:
                self._close()
                return False
            self._write({"method": "session/cancel", "params": {"sessionId": self._session}})
            return True

    def blocked(self) -> str:
        """A program that never begins is none that speaks this protocol."""
        with self._lock:
            now = self._clock()
            waits = now - self._spoke < START_SECONDS and now - self._began < MAX_START_SECONDS
            if self._prompting or self._over or waits:
                return ""
            said = self._last_words() or self._plain
            why = f"{self._plan.name} has begun no session in {now - self._began:.0f} s"
            return f"{why}: {said}" if said else f"{why}, and says nothing: does its command speak the protocol?"

    def _request(self, method: str, params: BaseModel, then: Handler) -> None:
        said = params.model_dump(mode="json", by_alias=True, exclude_none=True)
        self._send_request(method, said, then)

    def _send_request(self, method: str, params: dict[str, Any], then: Handler) -> bool:
        self._number += 1
        self._pending[self._number] = (method, then)
        return self._write({"id": self._number, "method": method, "params": params})

    def _write(self, message: dict[str, Any]) -> bool:
        """Whether it is on its way. A program that reads nothing any more gets nothing more, and has failed."""
        if self._over:
            return False
        line = json.dumps({"jsonrpc": "2.0", **message}, ensure_ascii=False).encode("utf-8", "replace")
        if not self._send(line + b"\n"):
            self._undelivered = True
            self._close()
        return not self._undelivered

    def _content(self, text: str) -> dict[str, Any]:
        return {"sessionId": self._session, "prompt": [{"type": "text", "text": text}]}

    def _answered(self, found: Mapping[str, Any]) -> str:
        number = found["id"]
        known = self._pending.pop(number, None) if isinstance(number, int) and not isinstance(number, bool) else None
        if known is None:
            return ""
        method, then = known
        if "result" not in found:
            return self._refused(method, found["error"])
        try:
            return then(found["result"])
        except UnfitSession as error:
            return self._fail(str(error))
        except ValueError as error:  # of the SDK's types: pydantic's errors are such
            why = redacted_line(str(error), MAX_TOLD_CHARS)
            return self._fail(f"it answered {method} with what the protocol does not know: {why}")

    def _refused(self, method: str, error: object) -> str:
        """An error instead of an answer. What the model's API said is the line's to tell."""
        if method == STEERING:
            return self._close_when_quiet()  # it stays unheard: the next round has it
        details = value_at(error, "data")
        more = text_at(details, "details") or text_at(details, "message")
        words = ": ".join(dict.fromkeys(filter(None, (text_at(error, "message"), more))))
        if method == "session/prompt":
            self._prompting, self._ended = False, not self._cancelled
        return self._fail(words or f"{method} was refused without a word")

    def _initialized(self, result: Any) -> str:
        from acp.meta import PROTOCOL_VERSION
        from acp.schema import AuthenticateRequest, InitializeResponse

        answer = InitializeResponse.model_validate(result)
        if answer.protocol_version != PROTOCOL_VERSION:
            spoken = f"version {answer.protocol_version} of the protocol, and Shiftbook {PROTOCOL_VERSION}"
            raise UnfitSession(f"it speaks {spoken}")
        self._resumable = bool(answer.agent_capabilities and answer.agent_capabilities.load_session)
        self._steerable = value_at(result, "_meta", "steering", "supported") is True
        if not self._plan.login:
            return self._open(result)
        self._request("authenticate", AuthenticateRequest(method_id=self._plan.login), self._open)
        return ""

    def _open(self, _result: Any) -> str:
        """A session. One that is loaded is told from its beginning, which is nobody's news."""
        plan = self._plan
        if plan.session and not self._resumable:
            raise UnfitSession("it cannot go on with a session")
        self._request(*session_request(plan.tree, plan.session, plan.servers), self._opened)
        return ""

    def _opened(self, result: Any) -> str:
        self._session = self._plan.session or text_at(result, "sessionId")
        if not self._session or len(self._session) > MAX_ID_CHARS:
            raise UnfitSession("it opened a session without a name that can be used")
        session = object_at({"session": result}, "session")
        self._to_set = settings_to_make(self._plan.settings, session)
        self._mode_setting = next((one for one in self._to_set if one.sets_mode), None)
        return self._set_next(session)

    def _set_next(self, result: Any) -> str:
        """One after the other; then the prompt, in the mode that is wanted and in no other."""
        self._mode = mode_of(result) or self._mode
        if self._to_set:
            self._set(self._to_set.pop(0), self._set_next)
            return ""
        if changed := self._keep_mode(self._set_next):
            return changed
        self._prompting = True
        self._send_request("session/prompt", self._content(self._plan.prompt), self._turned)
        return ""

    def _set(self, one: SettingRequest, then: Handler) -> None:
        self._mode = one.value if one.sets_mode else self._mode  # it is so from here on, unless it says something else
        method, params = setting_request(self._session, one)
        self._request(method, params, then)

    def _turned(self, result: Any) -> str:
        """The turn is over."""
        from acp.schema import PromptResponse

        self._prompting = False
        why = PromptResponse.model_validate(result).stop_reason
        if self._cancelled or self._error:
            self._close()
            return self._text.rest()
        self._ended = True
        if why == "max_turn_requests":
            self._trouble = ErrorKind.TURNS
        if why == "cancelled":
            self._deny("the turn was broken off after a refusal" if self._denials else "the turn was broken off")
        if why != "end_turn":
            return "\n".join(filter(None, (self._text.rest(), self._fail(ENDS[why]))))
        return "\n".join(filter(None, (self._text.rest(), self._close_when_quiet())))

    def _steered(self, text: str, result: Any) -> str:
        """What became of a person's words: what came too late for the turn is left to the next round."""
        if text_at(result, "outcome") == "injected" and text in self._unheard:
            self._unheard.remove(text)
        return self._close_when_quiet()

    def _close_when_quiet(self) -> str:
        if self._ended and not self._pending:
            self._close()
        return ""

    def _close(self) -> None:
        self._over = True
        self._finish()

    def _fail(self, why: str) -> str:
        self._error = self._error or error_line(why)
        self._close()
        return f"[{self._plan.name}: {self._error}]"

    def _asked(self, found: Mapping[str, Any]) -> str:
        """The program asks something."""
        self._asked_times += 1
        if self._asked_times > MAX_ASKED:
            return "" if self._over else self._fail(f"it asked more than {MAX_ASKED:,} questions")
        if not is_request_id(found["id"]):
            return "" if self._over else self._fail("it asked something under an id that the protocol does not know")
        if found["method"] == "session/request_permission":
            return self._permit(found)
        what = redacted_line(text_at(found, "method"), 100) or "something without a name"
        self._reply_error(found["id"], METHOD_NOT_FOUND, f"{what} is not offered")
        return f"[it asked for {what}, which it is not offered]"

    def _permit(self, found: Mapping[str, Any]) -> str:
        from acp.schema import RequestPermissionRequest

        try:
            asked = RequestPermissionRequest.model_validate(found.get("params"))
        except ValueError:
            asked = None
        if asked is None or asked.session_id != self._session:
            self._reply_error(found["id"], INVALID_PARAMS, "no permission can be given for that")
            self._deny("a permission that could not be read")
            return "[it asked for a permission that cannot be read]"
        self._calls.begin(object_at(found, "params", "toolCall"))
        answer = answer_permission(asked, self._plan.tools, self._kinds)
        said = answer.response.model_dump(mode="json", by_alias=True, exclude_none=True)
        self._write({"id": found["id"], "result": said})
        if not answer.denied:
            return ""
        self._deny(answer.denied)
        return f"[refused: {answer.denied}]"

    def _reply_error(self, number: Any, code: int, message: str) -> None:
        self._write({"id": number, "error": {"code": code, "message": message}})

    def _deny(self, what: str) -> None:
        if len(self._denials) < MAX_DENIALS:
            self._denials[what] = None

    def _notified(self, found: Mapping[str, Any]) -> str:
        params = object_at(found, "params")
        if found["method"] != "session/update" or text_at(params, "sessionId") != self._session:
            return ""
        update = object_at(params, "update")
        self._mode = mode_told(update)[:MAX_ID_CHARS] or self._mode
        if not self._prompting:
            return ""  # what was said in an earlier round is told again; of the mode it is looked at before the prompt
        self._kinds.take(update)
        self._calls.take(update)
        return "\n".join(filter(None, (self._keep_mode(self._mode_set), self._text.take(update))))

    def _mode_set(self, result: Any) -> str:
        """It was set back in the middle of a turn."""
        self._mode = mode_of(result) or self._mode
        return self._keep_mode(self._mode_set) or self._close_when_quiet()

    def _keep_mode(self, then: Handler) -> str:
        """A mode that it took by itself is set back: in another one a model may say what may be done."""
        wanted, mode = self._plan.settings.mode, self._mode
        if not self._mode_setting or not mode or mode == wanted:
            return ""
        self._mode_changes += 1
        if self._mode_changes > MAX_MODE_CHANGES:
            self.cancel()
            self._cancelled = False  # nobody of ours wanted that: it has failed
            return self._fail(f"it does not stay in the mode {wanted}")
        self._set(self._mode_setting, then)
        return f"[its mode became {redacted_line(mode, 100)}, and is set back to {redacted_line(wanted, 100)}]"
