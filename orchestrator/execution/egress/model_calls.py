"""Were the calls that a run asked its models for answered, taken together?

Programs ask more than once at the same time, and ask beside their work (for a title, or what may come next), often
without offering tools. So each call is judged by itself, and a failure counts unless a call to the same model that was
begun after it went well. Calls that offer no tools do not count where others offer some.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from orchestrator.execution.egress.request import ApiCall

MODEL_FIELD = re.compile(rb'(?<!\\)"model"\s*:\s*"([^"\\]{1,200})"')
MODEL_PATH = re.compile(r"/models/([\w.-]+):")
TOOLS_FIELD = re.compile(rb'(?<!\\)"tools"\s*:\s*\[\s*[^\]\s]')
OVERLAP_BYTES = 512
"""Bytes of a piece that are looked at again with the next one: a field may be cut in two."""
MAX_MODELS = 100
"""Different models of a run that are told apart; all others are one."""


@dataclass(frozen=True, kw_only=True)
class CallResult:
    """What a call came to. `status` is HTTP's, 0 where the answer itself told of an error; `why` is not empty where the
    call was not answered to its end."""

    status: int
    why: str = ""

    @property
    def ok(self) -> bool:
        """Whether it was answered."""
        return not self.why and 200 <= self.status < 300


UNANSWERED = CallResult(status=0, why="no call to its model was answered to its end")


@dataclass(kw_only=True)
class AskedCall:
    """One call, and what is known of it while its body passes. `tools`: whether it offers some; None: not known yet."""

    call: ApiCall
    number: int
    model: str = ""
    tools: bool | None = None
    ended: bool = False
    _rest: bytes = field(default=b"", repr=False)

    def read(self, data: bytes) -> None:
        """Takes the next piece of its body."""
        seen = self._rest + data
        if not self.model and (found := MODEL_FIELD.search(seen)):
            self.model = found[1].decode("utf-8", "replace")
        if TOOLS_FIELD.search(seen):
            self.tools = True
        self._rest = seen[-OVERLAP_BYTES:]

    async def passing(self, first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """The body, of which `first` was read before."""
        yield first
        async for data in rest:
            self.read(data)
            yield data
        self.tools = bool(self.tools)


class ModelCalls:
    """The calls of one run that ask a model to say something."""

    def __init__(self) -> None:
        self._begun = 0
        self._models: set[tuple[str, str]] = set()
        self._failed: dict[tuple[str, str, bool | None], tuple[int, CallResult]] = {}
        self._answered: dict[bool, CallResult] = {}
        """By whether they offered tools."""
        self._counted = self._offered = False

    def start(self, call: ApiCall) -> AskedCall:
        """A call is about to be made."""
        named = MODEL_PATH.search(call.target)
        self._begun += 1
        self._counted |= call.converses
        return AskedCall(call=call, number=self._begun, model=named[1] if named else "")

    def end(self, asked: AskedCall, result: CallResult) -> None:
        """What it came to; only the first word counts. Nothing is told of a call that the program itself hung up on."""
        if asked.ended or not asked.call.converses:
            return
        asked.ended = True
        self._offered |= asked.tools is True
        api, model = self._model(asked)
        if not result.ok:
            self._failed.pop((api, model, asked.tools), None)
            self._failed[api, model, asked.tools] = (self._begun, result)
            return
        tools = asked.tools is True
        self._answered[tools] = result
        for key, (begun, _) in list(self._failed.items()):
            same = key[0] == api and key[1] in {model, ""}
            if same and asked.number > begun and (tools or key[2] is not True):
                del self._failed[key]

    @property
    def verdict(self) -> CallResult | None:
        """What they came to: a failure that counts, the latest of several; None where no model was asked."""
        ends = list(self._failed.items())
        failed = [each for (_, _, tools), (_, each) in ends if tools is not False or not self._offered]
        if failed:
            return failed[-1]
        answered = self._answered.get(True) or (None if self._offered else self._answered.get(False))
        return answered or (UNANSWERED if self._counted else None)

    def _model(self, asked: AskedCall) -> tuple[str, str]:
        found = (asked.call.name, asked.model)
        if found not in self._models and len(self._models) >= MAX_MODELS:
            return asked.call.name, ""
        self._models.add(found)
        return found
