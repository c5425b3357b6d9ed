"""Which paths are in a mission's scope?"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable


def outside_scope(paths: Iterable[str], scope: Iterable[str]) -> list[str]:
    """Those of `paths` that no pattern of `scope` covers, in their order. An empty scope covers everything.

    Paths are relative to the project's root and compared by case. Patterns are those of .gitignore, without negation:
    one with a slash is anchored at the root, one without matches at any depth, a folder covers what is in it, `*` and
    `?` do not cross a slash, `**` does. A path that is absolute or has `.`, `..` or nothing between two slashes is
    outside of any scope, the empty one too: whoever sends such a path means to leave.
    """
    patterns = [_compile(pattern) for pattern in scope]
    return [
        path for path in paths if _escapes_root(path) or (patterns and not any(each.match(path) for each in patterns))
    ]


def _escapes_root(path: str) -> bool:
    return any(part in ("", ".", "..") for part in path.split("/"))


@functools.lru_cache(maxsize=256)
def _compile(pattern: str) -> re.Pattern[str]:
    """The regular expression of one pattern. A trailing slash leaves only what is below; nonsense covers nothing."""
    body = pattern.strip().removeprefix("./")
    below = "/.+" if body.endswith("/") else "(?:/.*)?"
    body = body.rstrip("/")
    anywhere = "" if "/" in body else "(?:.*/)?"
    try:
        return re.compile(anywhere + _translate(body.lstrip("/")) + below + r"\Z", re.DOTALL)
    except re.error:  # `[]`, or a range that runs backwards
        return MATCHES_NOTHING


MATCHES_NOTHING = re.compile(r"(?!)")
GLOB_TOKEN = re.compile(
    r"(?P<folders>(?:(?<=/)|\A)\*\*/)"
    r"|(?P<all>(?:(?<=/)|\A)\*\*\Z)"
    r"|(?P<some>\*+)"
    r"|(?P<one>\?)"
    r"|\\(?P<quoted>.)"
    r"|(?P<set>\[[!^]?\]?[^\]/]{0,100}\])",
    re.DOTALL,
)
SET_MEMBER = re.compile(r"(.)(?:-(.))?", re.DOTALL)


def _translate(body: str) -> str:
    """The expression. What stands between two `**/`, or between two `*` of one name, is taken where it comes first:
    that is enough, and a path that a hostile node made of it over and over is looked through once and not once for each
    way to part it."""
    tokens = list(GLOB_TOKEN.finditer(body))
    gaps = sum(token.lastgroup == "folders" for token in tokens)
    found, last, seen, star_open = [], 0, 0, False
    for place, token in enumerate(tokens):
        found.append(re.escape(body[last : token.start()]))
        if token.lastgroup == "folders":
            found.append(f"{')' if seen else ''}{'(?>(?:.*?/)??' if seen + 1 < gaps else '(?:.*/)?'}")
            seen += 1
        elif token.lastgroup == "some":
            found.append(")" if star_open else "")
            star_open = _star_follows(tokens, place, body)
            found.append("(?>[^/]*?" if star_open else "[^/]*")
        else:
            found.append(_translate_token(token))
        last = token.end()
    return "".join(found) + re.escape(body[last:])


def _star_follows(tokens: list[re.Match[str]], place: int, body: str) -> bool:
    """Whether the same name has another `*` behind the one at this place."""
    behind = (tokens[each].start() for each in range(place + 1, len(tokens)) if tokens[each].lastgroup == "some")
    following = next(behind, None)
    return following is not None and "/" not in body[tokens[place].end() : following]


def _translate_token(token: re.Match[str]) -> str:
    if token["quoted"]:
        return re.escape(token["quoted"])
    if token["set"]:
        negated = token["set"][1] in "!^"
        return f"(?!/)[{'^' if negated else ''}{_translate_members(token['set'][2 if negated else 1 : -1])}]"
    return ".+" if token["all"] else "[^/]"


def _translate_members(members: str) -> str:
    """What stands in a set, each character escaped; only the hyphen of a range `a-z` is left to mean one."""
    parts = SET_MEMBER.findall(members)
    return "".join("-".join(re.escape(end) for end in ends if end) for ends in parts)
