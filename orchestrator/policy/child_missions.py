"""How does a mission that an agent proposes come into the ledger, and when may it run without a person?

The fold writes it anew, with those fields only that a proposal may set, and with its parent's name. A node signs that
commit, so it is untrusted, unless the rules let children in: then the person counts who asked for the parent, if the
child asks for nothing beyond it (`missions.child_limits`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass

from handoff.secrets.excerpts import redacted_excerpt
from missions import document, frontmatter
from missions.approval import ChildLimits
from missions.child_limits import PROPOSABLE_FIELDS, PROPOSABLE_TASKS, budget_share, exceeds_parent
from missions.errors import BadName
from missions.field_types import list_items
from missions.fields import is_blank
from missions.frontmatter import Malformed, Scalar
from missions.mission import Mission, Quarantined, mission_of_file, new_name
from missions.one_line import printable
from orchestrator.core.errors import Refused
from orchestrator.ledger.archive import mission_bytes, read_mission
from orchestrator.ledger.snapshot import MISSIONS, LedgerSnapshot, MissionFile
from sync.objects import EXECUTABLE, FILE, TreeEntry, find, folder_entries, load_commit
from sync.remote import Oid

MAX_NAMED_FIELDS = 8
"""Fields that a remark names."""


@dataclass(frozen=True, kw_only=True)
class FiledProposals:
    """What becomes of an attempt's proposals: files for `missions/`, and a line on each for the parent's result."""

    files: Mapping[str, bytes]
    remarks: tuple[str, ...]


def file_proposals(
    ledger: LedgerSnapshot, parent: Mission, proposals: Mapping[str, str], drafted: Collection[str] = ()
) -> FiledProposals:
    """Proposals as missions, under names that nobody has, nor is about to have by the paths in `drafted`.

    What an earlier attempt at the parent proposed under the same name, and is still open, is not filed again.
    """
    there = {_named(one) for one in proposals} & {n for n, f in ledger.open.items() if f.mission.parent == parent.name}
    remarks = [f"- proposed, and filed before: `{MISSIONS}/{name}.md`" for name in sorted(there)]
    proposals = {name: text for name, text in proposals.items() if _named(name) not in there}
    names = _free_names(ledger, proposals, drafted)
    unsaid = _inherited_fields(parent, ledger.charter.rules(parent.project, parent.task).children)
    files: dict[str, bytes] = {}
    for proposed, text in proposals.items():
        name = names.get(proposed, "")
        try:
            data, dropped = _rewrite_proposal(
                text, parent.name, {old: new for old, new in names.items() if new}, unsaid
            )
        except Malformed as error:
            remarks.append(f"- proposed, and not filed: {_one_line(proposed)}: {error.reason}")
            continue
        path = f"{MISSIONS}/{name}.md"
        why = _unproposable_reason(document.read(path, data)) if name else "it has no name"
        if why:
            remarks.append(f"- proposed, and not filed: {_one_line(proposed)}: {_one_line(why)}")
            continue
        files[path] = data
        without = f"; left out, because a proposal may not set it: {_one_line(', '.join(dropped[:MAX_NAMED_FIELDS]))}"
        remarks.append(f"- proposed: `{path}`{without if dropped else ''}")
    return FiledProposals(files=files, remarks=tuple(remarks))


def proposal_outlook(ledger: LedgerSnapshot, parent: Mission, name: str, text: str) -> str:
    """What would become of one proposal as things are, in words. Raises Refused for one that would not be filed."""
    made = file_proposals(ledger, parent, {name: text})
    path, data = next(iter(made.files.items()), ("", b""))
    child = document.read(path, data) if path else None
    if not isinstance(child, Mission):
        raise Refused("{}", made.remarks[0].removeprefix("- ") if made.remarks else "it is no mission")
    rules = ledger.charter.rules(child.project, child.task).children
    why = "policy.children lets none run by itself" if rules.max == 0 else exceeds_parent(child, parent, rules)
    waits = f"waits for a person: {why}" if why else f"may run by itself, with at most {rules.max} of its kind"
    return f"{made.remarks[0].removeprefix('- ')}; it is filed with your result, and {waits}"


def new_missions(ledger: LedgerSnapshot, files: Mapping[str, bytes | None]) -> list[str]:
    """The missions that come in with these files."""
    kept = [path for path, data in files.items() if data is not None and path.rpartition("/")[0] == MISSIONS]
    return [path[len(MISSIONS) + 1 : -len(".md")] for path in kept if ledger.read(path) is None]


def _unproposable_reason(read: Mission | Quarantined) -> str:
    """Why this is no mission that an agent may propose; empty if it is one."""
    if isinstance(read, Quarantined):
        return read.reason
    return "" if read.task in PROPOSABLE_TASKS else f"an agent does not propose a {read.task}"


def _free_names(ledger: LedgerSnapshot, proposals: Mapping[str, str], drafted: Collection[str]) -> dict[str, str]:
    """A free name for each; "" for one that no name can be made of."""
    taken = {*ledger.open, *(bad.name for bad in ledger.quarantined)}
    # Whoever waits for a mission that is not there yet waits for a person's: a child must not pass for it, nor make a
    # circle with it, which would quarantine both.
    taken |= {name for filed in ledger.open.values() for name in filed.mission.depends_on}
    taken |= {path.rpartition("/")[2].removesuffix(".md") for path in drafted}
    found: dict[str, str] = {}
    for proposed in proposals:
        try:
            wanted = new_name(proposed.removesuffix(".md"))
        except BadName:
            found[proposed] = ""
            continue
        tries = (wanted if n == 1 else f"{wanted[:74]}-{n}" for n in range(1, 1000))
        free = next((name for name in tries if name not in taken and ledger.archived(name) is None), "")
        taken.add(free)
        found[proposed] = free
    return found


def _inherited_fields(parent: Mission, allowed: ChildLimits) -> Mapping[str, object]:
    """What a child has from its parent where it says nothing itself."""
    given: dict[str, object] = {
        "project": parent.project,
        "agent": None if parent.run else list(parent.agent_order) or parent.agent,
        "scope": list(parent.scope) or None,
        "to": list(parent.to) or None,
        "capabilities": list(parent.capabilities) or None,
        "timeout_seconds": parent.timeout_seconds,
        "max_retries": parent.max_retries,
    }
    if parent.budget_usd is not None:
        given["budget_usd"] = budget_share(parent.budget_usd, allowed)
    return given


def _rewrite_proposal(
    text: str, parent: str, names: Mapping[str, str], unsaid: Mapping[str, object]
) -> tuple[bytes, list[str]]:
    """The mission's file, and the fields that were left out. Raises Malformed for what cannot be read."""
    block = frontmatter.split(
        document.decode(text.encode("utf-8", "replace")).removeprefix(frontmatter.BYTE_ORDER_MARK)
    )
    renamed = {_named(old): new for old, new in names.items()}
    if not is_blank(block.fields.get("capabilities")):  # whoever says what its node must have asks for no other one
        unsaid = {**unsaid, "to": None}
    lines = []
    for key in PROPOSABLE_FIELDS:
        said = block.fields.get(key)
        value = unsaid.get(key) if is_blank(said) else said
        if key == "depends_on" and value is not None:
            value = [renamed.get(_named(str(one)), str(one)) for one in list_items(value) or [value]]
        if value is not None:
            lines.append(f"{key}: {_print_value(value)}")
    dropped = [str(key) for key in block.fields if key not in PROPOSABLE_FIELDS]
    head = "\n".join([*lines, f"parent: {frontmatter.print_scalar(parent)}"])
    return f"---\n{head}\n---\n{document.body_of(block.body)}\n".encode(), dropped


def _print_value(value: object) -> str:
    if isinstance(value, (list, tuple)):
        return frontmatter.print_list([_scalar(one) for one in value])
    return frontmatter.print_scalar(_scalar(value))


def _scalar(value: object) -> Scalar:
    return value if value is None or isinstance(value, (str, int, float, bool)) else str(value)


def _named(name: str) -> str:
    try:
        return new_name(name.removesuffix(".md"))
    except BadName:
        return name


def _one_line(text: str) -> str:
    return redacted_excerpt(printable(text), 300).replace("`", "'")


# -- whether a child may run ------------------------------------------------------------------------------------------

FindRequester = Callable[[Oid, str], str]
"""The person, if one who may file missions asked for what stands at a path in a commit; else empty."""


def child_permission(ledger: LedgerSnapshot, child: MissionFile, commit: Oid, said: FindRequester) -> tuple[str, str]:
    """On whose word a child may run that a node filed in `commit`: a person's name, and why; no name: why not."""
    parent = child.mission.parent or ""
    rules = ledger.charter.rules(child.mission.project, child.mission.task).children
    if rules.max == 0:
        return "", f"an agent that worked on {parent} proposed it, and policy.children lets none in"
    read = load_commit(ledger.store, commit)
    if len(read.parents) != 1:
        return "", "a merge brought it"
    before, after = (_open_entries(ledger, tree) for tree in (_tree(ledger, read.parents[0]), read.tree))
    named = [name for name in before if mission_of_file(name) == parent]
    file = named[0] if len(named) == 1 else ""  # of two of one name nobody can tell whose result it is
    path, entry = f"{MISSIONS}/{file}", before.get(file)
    found = read_mission(ledger.store, path, entry.oid) if entry else None
    if entry is None or not isinstance(found, Mission) or entry == after.get(file):
        return "", f"it did not come with a result of {parent}"
    who = said(read.parents[0], path)
    why = "" if who else f"nobody who may file missions asked for {parent}"
    return _check_limits(ledger, child.mission, found, rules, after, who, why)


def _check_limits(
    ledger: LedgerSnapshot,
    child: Mission,
    parent: Mission,
    rules: ChildLimits,
    after: Mapping[str, TreeEntry],
    who: str,
    why: str,
) -> tuple[str, str]:
    siblings = sum(1 for one in _children(ledger, after) if one.parent == parent.name)
    if siblings > rules.max:
        why = why or f"{parent.name} has {siblings} children, policy.children lets {rules.max} in"
    why = why or exceeds_parent(child, parent, rules)
    return ("", why) if why else (who, f"proposed by the agent that worked on {parent.name}, for which {who} asked")


def _children(ledger: LedgerSnapshot, entries: Mapping[str, TreeEntry]) -> Iterator[Mission]:
    for name, entry in entries.items():
        plain = mission_of_file(name) and entry.mode in (FILE, EXECUTABLE)
        data = mission_bytes(ledger.store, entry.oid) if plain else None
        found = document.read(name, data) if data and (b"parent" in data or b"\\" in data) else None  # YAML has escapes
        if isinstance(found, Mission):
            yield found


def _open_entries(ledger: LedgerSnapshot, tree: Oid) -> Mapping[str, TreeEntry]:
    return folder_entries(ledger.store, find(ledger.store, tree, MISSIONS))


def _tree(ledger: LedgerSnapshot, commit: Oid) -> Oid:
    return load_commit(ledger.store, commit).tree
