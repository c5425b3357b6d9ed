"""shiftbook mission evidence: which files did the tests of the last attempt leave, and where are they put?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from orchestrator.cli import terminal
from orchestrator.cli.mission.name import mission_argument, named_mission
from orchestrator.core.errors import NotFound, Refused

if TYPE_CHECKING:
    from collections.abc import Iterator

    from missions.evidence.bundle import EvidenceManifest
    from orchestrator.workflow.kept_evidence import ShownEvidence

NEW_FILE_MODE = 0o644


@click.command("evidence")
@mission_argument
@click.argument("file", required=False)
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Write it here; without FILE all, into a folder.")
@click.option("--force", is_flag=True, help="Write over files that are there.")
@click.option("--json", "as_json", is_flag=True, help="Print the list as JSON.")
def evidence(name: str, file: str | None, output: Path | None, force: bool, as_json: bool) -> None:
    """Lists what the tests of the last attempt left; shows or keeps FILE, which is a number or a name of the list."""
    from missions.evidence.bundle import NO_LIST
    from orchestrator.workflow.kept_evidence import shown_evidence

    fleet, name = named_mission(name)
    detail = fleet.mission(name)
    view, listed = detail.view, detail.evidence or NO_LIST
    terminal.warn(fleet)
    if file is None and output is None:
        _list(view.name, listed, as_json=as_json)
        return
    numbers = range(1, len(listed.files) + 1) if file is None else [_number(listed, file)]
    found = [shown_evidence(fleet.ledger(), view, number) for number in numbers]
    if output is None:
        _print(found[0], name, as_json=as_json)
        return
    kept = _keep(found, output, folder=file is None, force=force)
    if as_json:
        terminal.print_json([{"path": one.path, "kept": str(place)} for one, place in kept])
        return
    for one, place in kept:
        terminal.say(f"{one.path} is kept as {place}.")


def _list(name: str, listed: EvidenceManifest, *, as_json: bool) -> None:
    from orchestrator.workflow.kept_evidence import evidence_json

    if as_json:
        terminal.print_json(evidence_json(listed))
        return
    told = "\n".join(evidence_lines(listed)) or f"The tests of {name} left nothing."
    click.echo(terminal.printable(told))


def evidence_lines(listed: EvidenceManifest) -> Iterator[str]:
    """The list as a person reads it: files with their numbers, what tests were reported, what is missing."""
    wide = max((len(one.path) for one in listed.files), default=0)
    for number, one in enumerate(listed.files, 1):
        cut = ", without its middle" if one.cut else ""
        yield f"{number:>3}  {one.path:<{min(wide, 50)}}  {_size(one.size):>9}  {one.media}{cut}"
    for report in listed.reports:
        yield f"{report.path}: {report.words}"
        yield from (f"  ✗ {case.name}{f': {case.says}' if case.says else ''}" for case in report.failures)
        more = report.failed + report.errors - len(report.failures)
        yield from [f"  … and {more:,} more"] if more > 0 else []
    yield from (f"left out: {one.path}: {one.why}" for one in listed.left_out)
    yield from [f"left out: {listed.more_left_out:,} more"] if listed.more_left_out else []


def _size(size: int) -> str:
    return f"{size:,} B" if size < 10_000 else f"{size / 1024:,.0f} KiB"


def _number(listed: EvidenceManifest, word: str) -> int:
    """Which file is meant. Raises NotFound."""
    paths = [one.path for one in listed.files]
    if word in paths:
        return paths.index(word) + 1
    if word.isascii() and word.isdigit() and 0 < int(word) <= len(paths):
        return int(word)
    raise NotFound("no file {!r} in the evidence: without FILE this command lists them", word)


def _print(one: ShownEvidence, name: str, *, as_json: bool) -> None:
    """A text onto the terminal, with nothing that moves a cursor. Raises Refused for what is none."""
    if not one.media.startswith("text/"):
        keep = f"`shiftbook mission evidence {name} {one.number} -o PATH` keeps it"
        raise Refused("{} is no text but {}: {}", one.path, one.media, keep)
    text = one.data.decode("utf-8", "replace")
    if as_json:
        terminal.print_json({"number": one.number, "path": one.path, "media": one.media, "text": text})
    else:
        click.echo(terminal.printable(text.rstrip("\n")))


def _keep(found: list[ShownEvidence], output: Path, *, folder: bool, force: bool) -> list[tuple[ShownEvidence, Path]]:
    """Writes files where the person said; a name of the project's is never a path. Raises Refused, OSError."""
    from sync import files
    from sync.place_names import below

    inside = folder or output.is_dir()
    if folder:
        output.mkdir(parents=True, exist_ok=True)
    kept = []
    for one in found:
        place = below(output, f"{one.number}-{one.name}" if folder else one.name) if inside else output
        if force:
            files.replace(place, one.data, mode=NEW_FILE_MODE)
        elif not files.create(place, one.data, mode=NEW_FILE_MODE):
            raise Refused("{} is there already: --force writes over it, -o PATH says another place", place)
        kept.append((one, place))
    return kept
