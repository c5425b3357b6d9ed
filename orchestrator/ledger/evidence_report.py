"""What does a result's report say of its evidence, and how does the evidence leave without secrets?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from handoff.secrets.redact import redact
from missions.attachments.file_kind import TEXT
from missions.evidence.bundle import CaseFailure, EvidenceBundle, SuiteReport

MAX_NAMED = 5
"""Files and failures that a report names; the list beside the result has the others."""


def redact_evidence(evidence: EvidenceBundle) -> EvidenceBundle:
    """All words of it without secrets, as everything goes that a record tells."""
    return replace(
        evidence,
        files=tuple(
            replace(one, path=_clean(one.path), data=_clean_bytes(one.data) if one.media == TEXT else one.data)
            for one in evidence.files
        ),
        left_out=tuple(replace(one, path=_clean(one.path)) for one in evidence.left_out),
        reports=tuple(_clean_report(one) for one in evidence.reports),
    )


def evidence_lines(evidence: EvidenceBundle) -> Iterator[str]:
    """One line for each thing that is told of it: the files, what was left out, the tests that were reported."""
    manifest = evidence.manifest
    if manifest.files:
        yield f"evidence: {_named([one.path for one in manifest.files])}"
    if manifest.left_out_count:
        first = manifest.left_out[0]
        count = manifest.left_out_count
        yield f"evidence left out: {count:,} file{'s' * (count != 1)}, the first `{_plain(first.path)}`: {first.why}"
    for report in manifest.reports:
        failed = _named([case.name for case in report.failures])
        yield f"`{_plain(report.path)}` reports {report.words}{f': {failed}' if failed else ''}"


def _named(names: list[str]) -> str:
    more = len(names) - MAX_NAMED
    shown = ", ".join(f"`{_plain(name)}`" for name in names[:MAX_NAMED])
    return f"{shown} and {more} more" if more > 0 else shown


def _plain(name: str) -> str:
    """A name as it may stand between two marks of code."""
    return name.replace("`", "'")


def _clean_report(report: SuiteReport) -> SuiteReport:
    failures = tuple(CaseFailure(name=_clean(one.name), says=_clean(one.says)) for one in report.failures)
    return replace(report, path=_clean(report.path), failures=failures)


def _clean(text: str) -> str:
    return redact(text).text


def _clean_bytes(data: bytes) -> bytes:
    return _clean(data.decode("utf-8", "replace")).encode()
