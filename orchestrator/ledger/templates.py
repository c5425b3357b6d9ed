"""Which templates does the ledger have, and what keeps the others from being followed?"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from zoneinfo import ZoneInfo

from missions.mission import Quarantined
from missions.recurring.template import Template, read_template
from missions.template_fields import TEMPLATES_FOLDER
from orchestrator.core import cron
from orchestrator.ledger.archive import mission_bytes
from sync.errors import ObjectTooLarge
from sync.objects import EXECUTABLE, FILE, FOLDER, TreeEntry, find, folder_entries
from sync.remote import ObjectStore, Oid

MAX_TEMPLATES = 200
"""So many are read, the first by name; more are told, and not followed."""


@dataclass(frozen=True, kw_only=True)
class Templates:
    """Templates by name, and the files that are none."""

    known: Mapping[str, Template] = field(default_factory=lambda: MappingProxyType({}))
    quarantined: tuple[Quarantined, ...] = ()

    @property
    def recurring(self) -> tuple[Template, ...]:
        """Those with times at which a mission of them is due."""
        return tuple(each for each in self.known.values() if each.every)


@dataclass
class TemplateReader:
    """Reads the templates of one store; a folder that did not change is not read again. Raises nothing."""

    store: ObjectStore
    _read: tuple[Oid, Templates] = ("", Templates())

    def read(self, tree: Oid) -> Templates:
        """Those in a commit's tree."""
        folder = find(self.store, tree, TEMPLATES_FOLDER)
        if folder is None or folder.mode != FOLDER:
            return Templates()
        if folder.oid != self._read[0]:
            self._read = (folder.oid, self._read_folder(folder))
        return self._read[1]

    def _read_folder(self, folder: TreeEntry) -> Templates:
        try:
            entries = sorted((n, e) for n, e in folder_entries(self.store, folder).items() if n.endswith(".md"))
        except ObjectTooLarge as error:
            return Templates(quarantined=(Quarantined(name="templates", path=TEMPLATES_FOLDER, reason=str(error)),))
        entries = [(name, entry) for name, entry in entries if name.lower() != "readme.md"]
        found = [self._file(f"{TEMPLATES_FOLDER}/{name}", entry) for name, entry in entries[:MAX_TEMPLATES]]
        more = [
            Quarantined(name=name.removesuffix(".md"), path=f"{TEMPLATES_FOLDER}/{name}", reason=_TOO_MANY)
            for name, _ in entries[MAX_TEMPLATES : MAX_TEMPLATES + 1]
        ]
        return Templates(
            known={each.name: each for each in found if isinstance(each, Template)},
            quarantined=(*(each for each in found if isinstance(each, Quarantined)), *more),
        )

    def _file(self, path: str, entry: TreeEntry) -> Template | Quarantined:
        data = mission_bytes(self.store, entry.oid) if entry.mode in (FILE, EXECUTABLE) else None
        if data is None:
            name = path.rsplit("/", 1)[-1].removesuffix(".md")
            return Quarantined(name=name, path=path, reason="this is no plain file of at most 256 KiB")
        return followed_template(path, data)


_TOO_MANY = f"there are more than {MAX_TEMPLATES} templates: this one and all after it are not read"


def followed_template(path: str, data: bytes) -> Template | Quarantined:
    """A template whose times can be told, or what is wrong with it."""
    read = read_template(path, data)
    if isinstance(read, Template):
        try:
            if read.every:
                cron.check(read.every, read.timezone)
            else:
                ZoneInfo(read.timezone)
        except (KeyError, OSError, ValueError) as error:
            said = str(error) if read.every else f"unknown time zone {read.timezone!r}"
            return Quarantined(name=read.name, path=path, reason=f"“every” or “timezone”: {said}")
    return read


def unknown_project(template: Template, projects: Collection[str]) -> str:
    """Why its missions would be in quarantine, each of them, where fleet.toml does not have their project."""
    if not template.project or template.project in projects:
        return ""
    known = ", ".join(sorted(projects)) or "none yet"
    return f"{template.path}: unknown project “{template.project}”: fleet.toml has {known}"


def local_time(template: Template, moment: datetime) -> datetime:
    """A moment in the template's own time zone."""
    return moment.astimezone(ZoneInfo(template.timezone))
