"""What has a program said so far? Its output as it is collected, for people who watch and for the result."""

from __future__ import annotations

import re
from collections import deque
from dataclasses import replace

from handoff.secrets.excerpts import cut_lines, first_lines
from orchestrator.core import pricing
from orchestrator.core.ports.model import Usage
from orchestrator.execution.bounds import AttemptLimits
from orchestrator.execution.hooks.tool_hooks import ToolHooks
from orchestrator.execution.programs.port import OutputParser, ParsedOutput, ProgramConversation
from orchestrator.execution.workspace.attempt_dir import AttemptDir

MAX_SHOWN_LINE_CHARS = 2000
"""Longest line, in characters, that people who watch are shown."""
MAX_LIVE_CHARS = 10 * 1024 * 1024
"""Characters of a round that people who watch are told; what they see is kept in a file."""
SESSION_ID = re.compile(r"[A-Za-z0-9][\w.:-]{0,199}", re.ASCII)
"""What a conversation can be called: it becomes a word of the next round's command line."""
MAX_RESULT_CHARS = 1024 * 1024
"""Characters of what was shown that come back with the result, from its end; the program's own output stays whole in
the attempt's folder, up to `process.MAX_OUTPUT_BYTES`."""


class OutputCollector:
    """What a program has said so far, kept in step with the session and the bill."""

    def __init__(
        self,
        reading: OutputParser | ProgramConversation,
        site: AttemptDir,
        bounds: AttemptLimits,
        hooks: ToolHooks,
    ) -> None:
        self._reading, self._site, self._bounds, self._hooks = reading, site, bounds, hooks
        self._followed = 0
        self._session, self._usage = "", Usage()
        self._priced = (Usage(), Usage())
        self._shown: deque[str] = deque()
        self._size = self._dropped = self._said = 0
        self._ended_before: bool | None = None

    def take(self, line: str) -> None:
        """Takes a line that the program has written."""
        shown = self._reading.take(line)
        if shown.strip():
            self._show(shown)
        told = self._reading.told(None)  # half a million lines may come: all that it comes to is for who asks for it
        self._follow(told)
        if told.session != self._session:
            self._session = told.session
            self._site.remember(_session_name(told.session))
        if told.usage != self._usage:
            self._usage = told.usage
            self._bounds.usage_meter.tell(self._with_price(told.usage))

    def _follow(self, told: ParsedOutput) -> None:
        for ended in told.actions[self._followed :]:
            self._hooks.followed(ended)
        self._followed = len(told.actions)

    def _show(self, shown: str) -> None:
        """Keeps the end of it, and tells people who watch, but not without end. Whoever passes it on redacts it whole:
        a key goes over many lines, and may come in many pieces."""
        lines = cut_lines(shown, MAX_SHOWN_LINE_CHARS)
        for each in lines:
            self._shown.append(f"{each}\n")
            self._size += len(self._shown[-1])
        while self._size > MAX_RESULT_CHARS:
            gone = len(self._shown.popleft())
            self._size, self._dropped = self._size - gone, self._dropped + gone
        if self._said < MAX_LIVE_CHARS:
            told = first_lines(lines, MAX_SHOWN_LINE_CHARS)
            self._site.job.say(told)
            self._said += len(told) + 1
            if self._said >= MAX_LIVE_CHARS:
                self._site.job.say("[more output than is shown live]")

    def told(self, exit_code: int | None) -> ParsedOutput:
        """What it comes to; the exit code is None while there is none."""
        told = self._reading.told(exit_code)
        if exit_code is not None:
            self._follow(told)
        ours = self._hooks.without_held_back(told)
        return replace(ours, usage=self._with_price(told.usage), session=_session_name(told.session))

    def _with_price(self, usage: Usage) -> Usage:
        counted, priced = self._priced
        if usage != counted:
            priced = usage
            if usage.cost_usd is None and usage.model:
                priced = replace(usage, cost_usd=pricing.cost(usage))
            self._priced = (usage, priced)  # as one: whoever watches asks, too
        return priced

    def broken_off(self) -> None:
        """The round must end now: what it says after this is no end of its work."""
        self._ended_before = self.told(None).ended

    @property
    def ended(self) -> bool:
        """Whether it came to the end of its work, and nobody had to break it off."""
        return self.told(None).ended if self._ended_before is None else self._ended_before

    @property
    def text(self) -> str:
        """What was shown, from its end."""
        head = f"[… {self._dropped:,} characters are left out here …]\n" if self._dropped else ""
        return head + "".join(self._shown)


def _session_name(said: str) -> str:
    return said if SESSION_ID.fullmatch(said) else ""
