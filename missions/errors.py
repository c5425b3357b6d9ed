"""Which errors can a mission have?"""


class MissionError(Exception):
    """Root of everything that this package raises: fixed words, or a format with what is quoted in it."""

    def __init__(self, words: str = "", *quoted: object) -> None:
        self.words, self.quoted = words, quoted
        super().__init__(words.format(*quoted) if quoted else words)


class BadName(MissionError):
    """A mission's name must keep at least one letter or digit when it is slugged."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__("{!r} leaves no letter or digit for a mission's name", name)


class BadClaim(MissionError):
    """A claim's text is not one that this version can read."""

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__("unreadable claim: {}", why)


class BadTransition(MissionError):
    """A mission in this state cannot make this step."""

    def __init__(self, status: str, event: str) -> None:
        self.status, self.event = status, event
        super().__init__("a mission that is {} cannot be {}", status, event)


class BadMessage(MissionError):
    """A message's text is not one that this version can read."""

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__("unreadable message: {}", why)


class BadLiveView(MissionError):
    """A live view's text is not one that this version can read."""

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__("unreadable live view: {}", why)


class Malformed(Exception):
    """The front matter cannot be read."""

    def __init__(self, reason: str, line: int | None) -> None:
        self.reason, self.line = escape_surrogates(reason), line
        super().__init__(self.reason)


def escape_surrogates(text: str) -> str:
    """The text with what no terminal and no file takes (half a character) as an escape."""
    return text.encode("utf-8", "backslashreplace").decode()
