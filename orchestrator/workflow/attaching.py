"""Attaching files to a new mission: how do they come beside it? Bounded, of few kinds, without secrets."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from handoff.secrets.redact import redact
from missions.attachments.attachment import (
    MAX_ALL_BYTES,
    MAX_ATTACHMENT_BYTES,
    MAX_ATTACHMENTS,
    Attachment,
    BadAttachment,
    read_attachments,
    safe_name,
)
from missions.attachments.file_kind import TEXT, UnusableFile, file_kind
from orchestrator.core.errors import Refused, WrongSetting
from sync.remote import ObjectStore

FIELD = "attachments"


@dataclass(frozen=True, kw_only=True)
class GivenFile:
    """A file as somebody hands it in, under whatever name."""

    name: str
    data: bytes


@dataclass(frozen=True, kw_only=True)
class AttachedFiles:
    """What the mission's text says of its files, and the files for the same commit, by path."""

    words: str
    beside: dict[str, bytes]


def attach_files(store: ObjectStore, given: Iterable[GivenFile]) -> AttachedFiles:
    """Puts files beside a mission. Raises WrongSetting for what cannot be one, Refused for one with a secret."""
    files = list(given)
    if len(files) > MAX_ATTACHMENTS:
        raise WrongSetting(FIELD, f"a mission comes with at most {MAX_ATTACHMENTS} files, these are {len(files)}")
    if sum(len(each.data) for each in files) > MAX_ALL_BYTES:
        raise WrongSetting(FIELD, f"they have more than {MAX_ALL_BYTES:,} bytes together: put them into the project")
    made = [(_attachment(store, each), each.data) for each in files]
    words = [one.word for one, _ in made]
    try:
        read_attachments(words)
    except BadAttachment as error:
        raise WrongSetting(FIELD, str(error)) from error
    return AttachedFiles(words=", ".join(words), beside={one.path: data for one, data in made})


def _attachment(store: ObjectStore, given: GivenFile) -> Attachment:
    try:
        name = safe_name(given.name)
        if len(given.data) > MAX_ATTACHMENT_BYTES:
            raise WrongSetting(FIELD, f"{name} has more than {MAX_ATTACHMENT_BYTES:,} bytes: put it into the project")
        kind = file_kind(given.data)
    except BadAttachment as error:
        raise WrongSetting(FIELD, str(error)) from error
    except UnusableFile as error:
        raise WrongSetting(FIELD, f"{name}: {error.why}") from error
    if kind.media == TEXT and (secrets := redact(given.data.decode("utf-8")).found):
        raise Refused("{} holds {} secrets: take them out of it", name, len(secrets))
    return Attachment(oid=store.put("blob", given.data), name=name)
