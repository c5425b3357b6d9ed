"""What a person does with templates by hand: how is one written, and how does one become a mission right now?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from missions import frontmatter
from missions.errors import BadName
from missions.frontmatter import Malformed, Scalar
from missions.mission import Quarantined, slug
from missions.recurring.template import Template
from missions.spelling import instead_of
from orchestrator.core.errors import NotFound, WrongSetting
from orchestrator.ledger.publish import LedgerChange, commit_change
from orchestrator.ledger.snapshot import LedgerSnapshot, SnapshotReader
from orchestrator.ledger.templates import TemplateReader, Templates, followed_template, local_time
from orchestrator.ledger.transport import Transport
from orchestrator.policy.due_missions import Signer
from orchestrator.workflow.recurring.filing import TemplateSchedule

SIGN_IT = "read it, change what it asks for, commit and push"
"""What makes a template count: a commit of somebody who may file missions that says something of its own."""


def template_named(ledger: LedgerSnapshot, name: str) -> Template:
    """The template of that name. Raises NotFound; WrongSetting for a file that is none."""
    found = TemplateReader(ledger.store).read(ledger.tree)
    bad = next((each for each in found.quarantined if each.name == name), None)
    if bad is not None:
        raise WrongSetting("--template", f"{bad.path}{f', line {bad.line}' if bad.line else ''}: {bad.reason}")
    if name not in found.known:
        raise NotFound(f"there is no template {name}: {_others(found, name)}")
    return found.known[name]


def _others(found: Templates, name: str) -> str:
    if not found.known:
        return "write one with `shiftbook template new`"
    return instead_of(name, found.known)


def mission_of_template(ledger: LedgerSnapshot, name: str, given: Sequence[str], now: datetime, signer: Signer) -> str:
    """The text of a mission of it, filed now, with words such as `version=1.2`. Raises NotFound and WrongSetting.

    Whoever files it signs what the template says, often unread: one that is on nobody's word becomes no mission.
    """
    template = template_named(ledger, name)
    if not TemplateSchedule(ledger.store).signed(ledger, template, signer)[0]:
        raise WrongSetting("--template", f"{template.path} was not signed by anybody who may file missions: {SIGN_IT}")
    values: dict[str, str] = {}
    for word in given:
        key, equals, value = word.partition("=")
        if not equals:
            raise WrongSetting("--set", "{!r} is not NAME=VALUE", word)
        values[key.strip()] = value
    try:
        return template.mission_text(local_time(template, now), values)
    except Malformed as error:
        raise WrongSetting("--set", error.reason) from error


def write_template(
    bus: Transport, reader: SnapshotReader, name: str, body: str, fields: Mapping[str, Scalar]
) -> Template:
    """A new template, signed by the person. Raises WrongSetting where it would not be followed, or is there."""
    try:
        path = Template(name=slug(name), text="").path
        text = frontmatter.write(body if body.endswith("\n") else f"{body}\n", dict(fields))
    except (BadName, Malformed) as error:
        raise WrongSetting("TEXT", str(error)) from error
    read = followed_template(path, text.encode())
    if isinstance(read, Quarantined):
        raise WrongSetting("TEXT", read.reason)

    def draft(ledger: LedgerSnapshot) -> LedgerChange:
        if ledger.read(path) is not None:
            raise WrongSetting("NAME", f"{path} is there already: change that file, commit and push")
        return LedgerChange(files={path: text.encode()}, message=f"Template: {read.name}")

    commit_change(bus, reader, draft)
    return read
