"""Which of a ledger's files would the fleet not take as they are? The check before they are pushed.

Missions are read as every node reads them; of `fleet.toml` and of a mission's fields all that is wrong is said at once.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, get_args, get_origin

from missions import document
from missions.declared.declared_table import DeclaredTable
from missions.declared.plain_values import WrongValues, declared_fields, hints
from missions.mission import AGENTS, MissionFields, Quarantined
from missions.plain_data import read_toml
from orchestrator.ledger.config import fleet_toml
from orchestrator.ledger.config.fleet_toml import FleetConfig
from orchestrator.ledger.snapshot import SnapshotReader
from orchestrator.ledger.templates import TemplateReader, unknown_project
from orchestrator.ledger.trust.files import MAX_BYTES, SIGNERS_PATH, admin_lines
from orchestrator.ledger.trust.root import TrustRoot
from sync.objects import edit_tree, find, write_commit
from sync.remote import ObjectStore, Oid
from sync.signatures import ROLES

SIGNER_EXAMPLE = 'ada,role=author namespaces="git" ssh-ed25519 AAAA…'
ADMIN_EXAMPLE = 'ada,role=admin,role=author namespaces="git" ssh-ed25519 AAAA…'
BRANCH = "main"
MEND_HINT = Quarantined(name="", path="", reason="").hint
EXAMPLES = {
    "url": 'url = "git@example.com:me/shop.git"',
    "review": 'cron = "0 3 * * *" and timezone = "Europe/Berlin"',
    "mission_usd": "mission_usd = 2.50",
    "day_usd": "day_usd = 10",
    "budget_usd": "budget_usd = 50",
    "test": 'test = "pytest -q"',
}
"""Of keys for which the default is no example."""


@dataclass(frozen=True, kw_only=True)
class FileProblem:
    """One thing that is wrong. `line` counts from 1; None where it is about the whole file. `example` may be empty."""

    path: str
    line: int | None
    says: str
    example: str = ""

    @property
    def place(self) -> str:
        """The file, with the line where there is one."""
        return f"{self.path}:{self.line}" if self.line else self.path


def check_files(store: ObjectStore, tree: Oid) -> list[FileProblem]:
    """Everything that is wrong in a ledger's tree; empty where the fleet takes all of it. Writes objects of its own."""
    charter, signers = _text(store, tree, fleet_toml.PATH), _text(store, tree, SIGNERS_PATH)
    found = [*_charter_problems(charter), *_signer_problems(signers)]
    templates = _template_problems(store, tree, charter)
    return [*found, *_mission_problems(store, _readable(store, tree, charter, signers), charter=charter), *templates]


def _template_problems(store: ObjectStore, tree: Oid, charter: str | None) -> Iterator[FileProblem]:
    found = TemplateReader(store).read(tree)
    for bad in found.quarantined:
        yield FileProblem(path=bad.path, line=bad.line, says=bad.reason)
    for template in found.known.values() if _is_toml(charter) else ():
        why = unknown_project(template, _projects(charter)).removeprefix(f"{template.path}: ")
        if why:
            yield FileProblem(path=template.path, line=None, says=why)


def _text(store: ObjectStore, tree: Oid, path: str) -> str | None:
    entry = find(store, tree, path)
    return store.get(entry.oid, MAX_BYTES).decode("utf-8", "surrogateescape") if entry else None


# -- fleet.toml -------------------------------------------------------------------------------------------------------


def _charter_problems(text: str | None) -> Iterator[FileProblem]:
    path = fleet_toml.PATH
    if text is None:
        yield FileProblem(path=path, line=None, says="it is missing: `git checkout HEAD~ -- fleet.toml` brings it back")
        return
    try:
        FleetConfig.model_validate(read_toml(text))
    except WrongValues as error:
        found = [
            FileProblem(path=path, line=line, says=says, example=_charter_example(one["loc"], one["type"]))
            for (says, line), one in zip(fleet_toml.explained(error, text), error.facts, strict=True)
        ]
        yield from sorted(found, key=lambda one: one.line or 0)
    except ValueError as error:
        yield FileProblem(path=path, line=_toml_line(str(error), text), says=str(error), example='name = "shop"')


def _toml_line(said: str, text: str) -> int:
    """tomllib says `(at line 3, column 5)`, or `(at end of document)`."""
    words = said.partition("at line ")[2].partition(",")[0]
    return int(words) if words.isdigit() else text.count("\n") + 1


def _charter_example(loc: tuple[int | str, ...], kind: str) -> str:
    """The line as it is by itself; of a key that there is not, the one that is nearest to it."""
    if not loc:
        return ""  # it is about the whole file
    part: type[DeclaredTable] = FleetConfig
    words = list(loc)
    while len(words) > 1:
        kinds = _kinds(hints(part).get(str(words.pop(0))))
        inner = next((one for one in kinds if isinstance(one, type) and issubclass(one, DeclaredTable)), None)
        if inner is None:
            return ""
        part = inner
        if {dict, tuple} & set(map(get_origin, kinds)):
            words.pop(0)  # its own name, or its number
    key = str(words[0]) if words else "url"
    if kind == "extra_forbidden":
        near = get_close_matches(key, declared_fields(part), n=1)
        return f"{near[0]} = …" if near else f"one of {', '.join(declared_fields(part))}"
    default = part.default_of(key)
    if key in EXAMPLES or not isinstance(default, str | int | float | tuple | list):
        return EXAMPLES.get(key, "")
    return f"{key} = {_toml_value(default)}"


def _kinds(hint: Any) -> list[Any]:
    """A hint and, however deep, all that it is made of: the kinds of a list's items, of an optional value."""
    return [hint, *(kind for inner in get_args(hint) for kind in _kinds(inner))]


def _toml_value(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple | list):
        return f"[{', '.join(map(_toml_value, value))}]"
    return f'"{value}"' if isinstance(value, str) else f"{value:g}"


# -- allowed_signers --------------------------------------------------------------------------------------------------


def _signer_problems(text: str | None) -> Iterator[FileProblem]:
    if not admin_lines(text or ""):
        says = "it names no admin, so nobody could change the fleet's rules; the fleet goes on with the version before"
        yield FileProblem(path=SIGNERS_PATH, line=None, says=says, example=ADMIN_EXAMPLE)
    for number, line in enumerate((text or "").splitlines(), 1):
        why = "" if not line.strip() or line.startswith("#") else _signer_problem(line)
        if why:
            yield FileProblem(path=SIGNERS_PATH, line=number, says=why, example=SIGNER_EXAMPLE)


def _signer_problem(line: str) -> str:
    words = line.split()
    at = next((i for i, word in enumerate(words) if word.startswith(("ssh-", "ecdsa-", "sk-"))), 0)
    if at == 0 or at + 1 >= len(words):
        return "it has no name, or no key"
    if not _is_key(words[at], words[at + 1]):
        return f"its key is not one of {words[at]}: copy the whole line of the .pub file"
    roles = [name.removeprefix("role=") for name in words[0].split(",")[1:]]
    unknown = [role for role in roles if role not in ROLES]
    if roles and not unknown:
        return ""
    what = f"role={unknown[0]}" if unknown else "a line without a role"
    return f"{what} grants nothing: there are role={', role='.join(sorted(ROLES))}"


def _is_key(kind: str, text: str) -> bool:
    try:
        blob = base64.b64decode(text, validate=True)
    except ValueError:
        return False
    return blob[4 : 4 + int.from_bytes(blob[:4], "big")] == kind.encode()


# -- missions ---------------------------------------------------------------------------------------------------------


def _readable(store: ObjectStore, tree: Oid, charter: str | None, signers: str | None) -> Oid:
    """The same tree with rules that can be used, where its own cannot: the missions are looked at all the same."""
    changes: dict[str, bytes | None] = {}
    if any(_charter_problems(charter)):
        tables = (f'[projects."{name}"]\nurl = "x"\n' for name in _projects(charter))
        changes[fleet_toml.PATH] = f"[fleet]\n{''.join(tables)}".encode()
    if not admin_lines(signers or ""):
        changes[SIGNERS_PATH] = f"{ADMIN_EXAMPLE.replace('…', 'A')}\n".encode()
    return edit_tree(store, tree, changes) or tree if changes else tree


def _projects(charter: str | None) -> list[str]:
    try:
        found = read_toml(charter or "").get("projects", {})
    except ValueError:
        return []
    return [name for name in found if '"' not in name and "\\" not in name] if isinstance(found, dict) else []


def _mission_problems(store: ObjectStore, tree: Oid, *, charter: str | None) -> Iterator[FileProblem]:
    """What the fleet would put into quarantine, file by file. `charter` is `fleet.toml` as it is."""
    commit = write_commit(store, tree=tree, parents=(), name="check", email="", when=0, message="check", sign=None)
    ledger = SnapshotReader(store, TrustRoot(store, lambda tip: tip), BRANCH).read({f"refs/heads/{BRANCH}": commit})
    for bad in sorted(ledger.quarantined, key=lambda one: one.path):
        if bad.reason.startswith("unknown project") and not _is_toml(charter):
            continue  # which projects there are cannot be told
        entry = find(store, tree, bad.path)
        every = document.field_problems(store.get(entry.oid, document.MAX_FILE_BYTES)) if entry and bad.line else []
        whole = bad.reason if bad.hint == MEND_HINT else f"{bad.reason}; {bad.hint}"
        for says, line in every or [(whole, bad.line)]:
            yield FileProblem(path=bad.path, line=line, says=says, example=_mission_example(says))


def _is_toml(text: str | None) -> bool:
    if text is None:
        return False
    try:
        read_toml(text)
    except ValueError:
        return False
    return True


def _mission_example(says: str) -> str:
    """Of a field, or an agent, that there is not, the nearest one."""
    for before, after, known, shape in (
        ("unknown field “", "”", tuple(MissionFields.__dataclass_fields__), "{}: …"),
        ("unknown agent '", "'", AGENTS, "agent: {}"),
    ):
        word = says.partition(before)[2].partition(after)[0]
        near = get_close_matches(word, known, n=1) if word else []
        if near:
            return shape.format(near[0])
    return ""
