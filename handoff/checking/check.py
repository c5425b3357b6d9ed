"""What is wrong with the handoff documents of a repository, and what should be done about it?

For any repository that has such documents, ours or not. It reports what can be shown from the documents and the list
of files alone, and prefers silence to a false alarm: a check that cries wolf is switched off. So templates, fenced
examples and old entries are not held against the present, and paths are only judged where most of the paths that a
document names do exist (otherwise it speaks of another repository).

To add a rule, write a generator from `CheckInput` to findings and name it in `_RULES`.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Collection, Iterator, Mapping

from handoff.checking import consistency
from handoff.checking.findings import CheckInput, HandoffFinding, finding
from handoff.documents import BRIEFING, LOG, PORTFOLIO, PROJECT, TIERS, HandoffDocument
from handoff.entry import Entry
from handoff.evidence_check import stems
from handoff.open_items import step_changes
from handoff.paths import is_missing, link_targets, named_paths, resolve_path
from handoff.statements import statements
from handoff.symbols import named_symbols

BUDGETS: Mapping[str, int] = {PORTFOLIO: 4000, PROJECT: 4000, BRIEFING: 2000}
"""Tokens a tier may have by default, at four characters a token; the log has none, it is cut from its old end."""

FLEET_FILE = "fleet.toml"
"""At the root of a ledger."""
_CHARS_PER_TOKEN = 4
_MIN_BODY_CHARS = 20  # characters that are not headings; fewer say nothing
_UTF8 = ("utf-8", "utf-8-sig")


def check(
    documents: Mapping[str, str],
    *,
    files: Collection[str],
    today: str,
    budgets: Mapping[str, int] = BUDGETS,
    encodings: Mapping[str, str] | None = None,
    symbols: Collection[str] | None = None,
) -> list[HandoffFinding]:
    """All findings, by file and line. `documents` and `files` are named from the repository's root, `today` is an ISO
    day, `encodings` says in which encoding a document was found (`encoding.decode`), `symbols` which of the names in
    the documents the sources hold (`symbols.wanted_symbols`, `symbols.present_symbols`)."""
    given = CheckInput(
        read=tuple(
            HandoffDocument(file=file, text=text.replace("\r\n", "\n")) for file, text in sorted(documents.items())
        ),
        files=frozenset(files),
        today=datetime.date.fromisoformat(today[:10]),
        budgets=budgets,
        encodings=encodings or {},
        symbols=None if symbols is None else frozenset(symbols),
    )
    found = {one for rule in _RULES for one in rule(given)}
    return sorted(found, key=lambda one: (one.file, one.line, one.rule, one.why))


def missing_tiers(given: CheckInput) -> Iterator[HandoffFinding]:
    """Each project needs its context, its briefing and a log; several projects need a portfolio."""
    present = {document.file for document in given.read}
    if not any(document.name in TIERS for document in given.read):
        yield finding(
            PROJECT, 1, "missing-tier", "there is no handoff document at all", f"write {PROJECT} and {BRIEFING}"
        )
        return
    speaks_of_portfolio = any(PORTFOLIO in document.text for document in given.non_templates)
    has_projects = any(document.file.startswith("projects/") for document in given.read)
    if PORTFOLIO not in present and (speaks_of_portfolio or has_projects):
        yield _missing_tier(PORTFOLIO, "the documents build on it")
    for folder in sorted({document.folder for document in given.tiers if document.name in (PROJECT, BRIEFING)}):
        for name in (PROJECT, BRIEFING) if not _kept_by_a_fleet(given, folder) else ():
            if resolve_path(folder, name) not in present:
                yield _missing_tier(resolve_path(folder, name), "its sister document is there")
        if resolve_path(folder, LOG) not in present and LOG not in present:
            yield _missing_tier(resolve_path(folder, LOG), "nothing records what the sessions did")


def _kept_by_a_fleet(given: CheckInput, folder: str) -> bool:
    """Whether a fleet writes these documents, each when there is something to say in it."""
    return FLEET_FILE in given.files and folder.startswith("projects/")


def _missing_tier(file: str, because: str) -> HandoffFinding:
    return finding(file, 1, "missing-tier", f"this document is missing, although {because}", "write it, or restore it")


def empty_tiers(given: CheckInput) -> Iterator[HandoffFinding]:
    """A tier that holds nothing but headings tells an instance nothing."""
    for document in given.tiers:
        words = "".join(line for line in document.text.split("\n") if not line.startswith("#"))
        if len(words.strip()) < _MIN_BODY_CHARS:
            yield finding(
                document.file, 1, "empty-tier", "there is nothing in it but headings", "fill it, or remove it"
            )


def over_budget(given: CheckInput) -> Iterator[HandoffFinding]:
    """What is over its budget is cut before an instance sees it."""
    for document in given.tiers:
        tokens, budget = len(document.text) // _CHARS_PER_TOKEN, given.budgets.get(document.name)
        if budget is not None and tokens > budget:
            why = f"about {tokens} tokens, and the budget is {budget}: the rest will be cut"
            yield finding(document.file, 1, "over-budget", why, "shorten it, or raise the budget")


def unreadable(given: CheckInput) -> Iterator[HandoffFinding]:
    """Git can only show and merge text that it takes for text."""
    for document in given.read:
        encoding = given.encodings.get(document.file, "utf-8")
        if encoding not in _UTF8:
            why = f"saved as {encoding}: Git shows no changes in it and cannot merge it"
            yield finding(document.file, 1, "encoding", why, "save it as UTF-8")
        elif "\0" in document.text or "\ufffd" in document.text:
            at = max(document.text.find("\0"), document.text.find("\ufffd"))
            why = "characters were lost when it was read or saved"
            yield finding(document.file, document.line_at(at), "encoding", why, "restore it and save it as UTF-8")


def missing_paths(given: CheckInput) -> Iterator[HandoffFinding]:
    """A document that speaks of this repository must not send an instance to files that are gone."""
    for document in given.tiers:
        if document.name == LOG:
            continue
        named = [(line.number, path) for line in document.lines if line.now for path in named_paths(line.text)]
        paths = {path for _, path in named}
        missing = {path for path in paths if is_missing(path, given.files, document.folder)}
        if len(missing) * 2 > len(paths):
            continue
        for number, path in named:
            if path in missing:
                why = f"it names {path}, and there is no such file"
                yield finding(document.file, number, "missing-path", why, "name where it is now, or take it out")


def missing_symbols(given: CheckInput) -> Iterator[HandoffFinding]:
    """Nor to functions and classes that are gone; judged as paths are, where most of what is named is there."""
    for document in given.tiers:
        if document.name == LOG or given.symbols is None:
            continue
        named = [(line.number, name) for line in document.lines if line.now for name in named_symbols(line.text)]
        names = {name for _, name in named}
        missing = names - given.symbols
        if len(missing) * 2 > len(names):
            continue
        for number, name in named:
            if name in missing:
                why = f"it names {name}, and no source file has that"
                yield finding(
                    document.file, number, "missing-symbol", why, "name what it is called now, or take it out"
                )


def broken_links(given: CheckInput) -> Iterator[HandoffFinding]:
    """A relative link must lead to a file or folder of the repository."""
    folders = {parent for file in given.files for parent in _parents(file)}
    for document in given.non_templates:
        for line in document.lines:
            for target in link_targets(line.text) if line.now else ():
                at = resolve_path(document.folder, target)
                if at not in given.files and at not in folders:
                    why = f"the link leads to {target}, and there is no such file"
                    yield finding(document.file, line.number, "broken-link", why, "mend the link, or take it out")


def _parents(file: str) -> Iterator[str]:
    while file:
        file = file.rpartition("/")[0]
        yield file


def untaken_steps(given: CheckInput) -> Iterator[HandoffFinding]:
    """A next step that later sessions neither took nor repeated is either forgotten or no longer wanted."""
    names = [stems(file.rpartition("/")[2].partition(".")[0]) for file in given.files]
    for document in given.read:
        if document.name != LOG:
            continue
        entries, places = document.log.chronological, _places(document)
        said = [(at, one) for at, entry in enumerate(entries) for one in statements(entry)]
        for step in step_changes(said, [], "", len(entries))[1]:
            wanted = stems(step.text)
            if not any(len(words) > 1 and words <= wanted for words in names):
                why = f"later entries never took this step: {step.text}"
                at = _line_of(*places[step.cites[-1]], step.text)
                yield finding(document.file, at, "untaken-step", why, "take it, or log why it is no longer wanted")


def _places(document: HandoffDocument) -> dict[str, tuple[Entry, int]]:
    """Each entry by its id, with the number of its first line."""
    entries = zip(document.log.entries, document.entry_lines, strict=True)
    return {entry.entry_id: (entry, first) for entry, first in reversed([*entries])}


def _line_of(entry: Entry, first: int, text: str) -> int:
    """The line of the step in its entry, or the entry's heading where the words were put differently."""
    lines = enumerate(entry.raw.split("\n"), first)
    return next((number for number, line in lines if text in line.replace("**", "")), first)


_RULES: tuple[Callable[[CheckInput], Iterator[HandoffFinding]], ...] = (
    missing_tiers,
    empty_tiers,
    over_budget,
    unreadable,
    missing_paths,
    missing_symbols,
    broken_links,
    untaken_steps,
    *consistency.RULES,
)
