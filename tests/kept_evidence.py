"""Evidence as a fold writes it into a ledger, for tests that begin there."""

from __future__ import annotations

from dataclasses import replace

from missions.archive_path import archive_path, index_entry, index_path
from missions.evidence.bundle import MANIFEST_NAME, EvidenceBundle, EvidenceFile, SuiteReport
from missions.evidence.shown_media import shown_media


def kept_bundle(*files: tuple[str, bytes], reports: tuple[SuiteReport, ...] = ()) -> EvidenceBundle:
    """These files, each as what it is."""
    made = (EvidenceFile(path=path, media=shown_media(data), data=data) for path, data in files)
    return EvidenceBundle(files=tuple(made), reports=reports)


def ledger_files(name: str, kept: EvidenceBundle, *, attempt: int, epoch: int, day: str) -> dict[str, bytes]:
    """The files of the last attempt at a mission."""
    parts = kept.parts() | {MANIFEST_NAME: replace(kept.manifest, epoch=epoch).print()}
    index = {index_path(name, f"{attempt}.{MANIFEST_NAME}"): index_entry(day)}
    return {archive_path(name, day, f"{attempt}.{part}"): data for part, data in parts.items()} | index
