"""What can people ask of the fleet and tell it? The one door that the command line and every other surface use."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from handoff.assemble import Assembly
from missions import document, frontmatter
from missions.errors import BadName
from missions.frontmatter import Scalar
from missions.mission import Quarantined, slug
from orchestrator import context, views
from orchestrator.archive import ARCHIVE
from orchestrator.bus import Bus
from orchestrator.errors import NotFound, Refused, WrongSetting
from orchestrator.ledger import MISSIONS, Ledger, Reader
from orchestrator.presence import Presence, Sightings, presences
from orchestrator.trust import Trust
from orchestrator.views import MissionView
from sync.errors import RemoteUnreachable
from sync.publish import publish
from sync.remote import Refs, Update
from sync.signatures import ROLES, Principal, read_signers


@dataclass(frozen=True, kw_only=True)
class Detail:
    """One mission with everything that belongs to it. `text` is the file as it is."""

    view: MissionView
    text: str
    diff: str
    output: str
    memo: str
    memo_path: str
    late: tuple[str, ...]


@dataclass
class Fleet:
    """The fleet as one person at this machine reaches it. Every method looks at the newest state of the remote."""

    bus: Bus
    reader: Reader
    trust: Trust
    sightings: Sightings
    now: Callable[[], datetime]
    offline: str = ""
    """Why the remote could not be reached the last time; what is shown is then what was last seen."""
    recall: context.Recall = context.nothing
    """What this machine's index of the journal knows about a task."""
    alarms: tuple[str, ...] = ()
    """What stood on the branch the last time and is not followed."""
    _last: Refs | None = None

    def ledger(self) -> Ledger:
        """The ledger now. Raises RemoteUnreachable when it was never reached."""
        try:
            self._last = self.bus.remote.fetch()
            self.offline = ""
        except RemoteUnreachable as error:
            self._last = self._last or self.bus.remote.seen()
            if not self._last:
                raise
            self.offline = str(error)
        ledger = self.reader.read(self._last)
        self.alarms = ledger.alarms
        return ledger

    # -- missions -----------------------------------------------------------------------------------------------

    def missions(self, *, archived: bool = False) -> list[MissionView]:
        """Every mission that needs somebody: open, running, quarantined; with `archived` the finished ones, too."""
        return list(views.every(self.ledger(), self.trust, self.now(), archived=archived))

    def mission(self, name: str) -> Detail:
        """One mission. Raises NotFound."""
        ledger = self.ledger()
        wanted = self._slug(name)
        view = views.find(ledger, self.trust, wanted, self.now())
        if view is not None:
            return self._detail(ledger, view)
        near = sorted(n for n in ledger.open if wanted in n or n in wanted)
        raise NotFound(f"no mission {wanted!r}" + (f"; did you mean {', '.join(near[:3])}?" if near else ""))

    def new(self, body: str, fields: Mapping[str, Scalar | Sequence[str]], *, name: str = "") -> str:
        """Files a mission, signed by the person. Returns its name. Raises WrongSetting when it could not run."""
        wanted = self._slug(name or str(fields.get("title") or "") or body[:60])
        made = ""

        def plan(refs: Refs) -> list[Update]:
            nonlocal made
            ledger = self.reader.read(refs)
            made = _free_name(ledger, wanted) if not name else wanted
            path = f"{MISSIONS}/{made}.md"
            text = _mission_text(body, fields)
            self._must_run(ledger, path, text)
            commit = self.bus.commit({path: text.encode()}, f"Mission: {made}", onto=ledger.tip, tree=ledger.tree)
            return [Update(ref=self.bus.main, expect=ledger.tip, new=commit)]

        publish(self.bus.remote, plan)
        return made

    def vouch(self, name: str) -> MissionView:
        """Trusts an untrusted mission: the person signs its text as it is. Raises NotFound and Refused."""
        wanted = self._slug(name)

        def plan(refs: Refs) -> list[Update]:
            ledger = self.reader.read(refs)
            filed = ledger.open.get(wanted)
            if filed is None:
                raise NotFound(f"no open mission {wanted!r}")
            me = self._me(ledger)
            if not me.roles & {"author", "admin"}:
                raise Refused(f"{me.name} may not file missions: an admin grants role=author in allowed_signers")
            signed = frontmatter.write(ledger.text(filed.path), {"trusted_by": me.name})
            commit = self.bus.commit(
                {filed.path: signed.encode()}, f"Trust {wanted}", onto=ledger.tip, tree=ledger.tree
            )
            return [Update(ref=self.bus.main, expect=ledger.tip, new=commit)]

        publish(self.bus.remote, plan)
        return self.mission(wanted).view

    # -- the fleet ----------------------------------------------------------------------------------------------

    def nodes(self) -> list[Presence]:
        """Every node that has ever announced itself."""
        ledger = self.ledger()
        now = self.now()
        return presences(ledger, self.sightings.update(ledger.beats, now), now)

    def principals(self) -> list[Principal]:
        """Who may do what."""
        return list(read_signers(self.ledger().signers).values())

    def admit(self, name: str, roles: frozenset[str], key: str) -> None:
        """Adds a key to `allowed_signers`, signed by the person, who must be an admin. Raises Refused, WrongSetting."""
        words = key.split()
        if len(words) < 2 or not words[0].startswith(("ssh-", "ecdsa-", "sk-")):
            raise WrongSetting("--key", "that is not a public SSH key (it starts with ssh-ed25519, for example)")
        unknown = roles - ROLES
        if unknown or not roles:
            raise WrongSetting(
                "--role", f"one of {', '.join(sorted(ROLES))}, not {', '.join(sorted(unknown)) or 'none'}"
            )
        line = Principal(name=self._slug(name), roles=roles, key=" ".join(words[:2])).line
        self._change_signers(lambda text: text if line in text else text.rstrip("\n") + f"\n{line}\n", f"Admit {name}")

    def revoke(self, name: str) -> None:
        """Takes every key of a principal out of `allowed_signers`. Raises NotFound and Refused."""

        def without(text: str) -> str:
            gone = {p.key for p in read_signers(text).values() if p.name == name}
            if not gone:
                raise NotFound(f"nobody called {name!r} is in allowed_signers")
            return "".join(line for line in text.splitlines(True) if not any(key in line for key in gone))

        self._change_signers(without, f"Revoke {name}")

    def _change_signers(self, change: Callable[[str], str], message: str) -> None:
        def plan(refs: Refs) -> list[Update]:
            ledger = self.reader.read(refs)
            if "admin" not in self._me(ledger).roles:
                raise Refused("only an admin's signature changes allowed_signers")
            after = change(ledger.signers)
            if after == ledger.signers:
                return []
            commit = self.bus.commit({"allowed_signers": after.encode()}, message, onto=ledger.tip, tree=ledger.tree)
            return [Update(ref=self.bus.main, expect=ledger.tip, new=commit)]

        publish(self.bus.remote, plan)

    # -- the handoff --------------------------------------------------------------------------------------------

    def handoff(self, project: str, task: str, *, budget: int, count: Callable[[str], int]) -> Assembly:
        """What a fresh instance would be given. Raises NotFound for an unknown project."""
        ledger = self.ledger()
        if project and project not in ledger.charter.projects:
            known = ", ".join(sorted(ledger.charter.projects)) or "none yet"
            raise NotFound(f"unknown project {project!r}: fleet.toml has {known}")
        return context.assembled(ledger, project, task, now=self.now(), budget=budget, count=count, recall=self.recall)

    # -- how it looks from here ---------------------------------------------------------------------------------

    def _me(self, ledger: Ledger) -> Principal:
        principal = self.trust.verifier(ledger).principals.get(self.bus.key)
        if principal is None:
            add = f"shiftbook fleet admit NAME --role author --key '{self.bus.key}'"
            raise Refused(f"this machine's key is not in allowed_signers; an admin adds it with: {add}")
        return principal

    def _slug(self, name: str) -> str:
        if "/" in name or "\\" in name or name.startswith("."):
            raise WrongSetting("NAME", f"{name!r} is a path: a mission's name is one word, such as fix-the-login")
        try:
            return slug(name.removesuffix(".md"))
        except BadName as error:
            raise WrongSetting("NAME", str(error)) from error

    def _must_run(self, ledger: Ledger, path: str, text: str) -> None:
        read = document.read(path, text.encode())
        if isinstance(read, Quarantined):
            raise WrongSetting(path, f"line {read.line}: {read.reason}" if read.line else read.reason)
        if read.project is not None and read.project not in ledger.charter.projects:
            known = ", ".join(sorted(ledger.charter.projects)) or "none yet"
            raise WrongSetting("--project", f"unknown project {read.project!r}: fleet.toml has {known}")
        if read.name in ledger.open or ledger.archived(read.name) is not None:
            raise WrongSetting("--name", f"there is a mission {read.name} already")

    def _detail(self, ledger: Ledger, view: MissionView) -> Detail:
        stem = view.path.removesuffix(".md")
        month = stem.removeprefix(ARCHIVE + "/").partition("/")[0] if stem.startswith(ARCHIVE) else ""
        memo_path = f"memos/{month}/{view.name}-{view.epoch}.md"
        late = tuple(name for name in ledger.late if name.startswith(view.name + "-"))
        attempts = [f"{stem}.{n}" for n in range(view.attempt, 0, -1)] if not month else []
        found = [stem, *attempts]
        return Detail(
            view=view,
            text=ledger.text(view.path),
            diff=_first(ledger, found, "diff"),
            output=_first(ledger, found, "output.txt"),
            memo=ledger.text(memo_path) if month else "",
            memo_path=memo_path if month and ledger.read(memo_path) else "",
            late=late,
        )


def _first(ledger: Ledger, stems: Sequence[str], ending: str) -> str:
    return next((text for stem in stems if (text := ledger.text(f"{stem}.{ending}"))), "")


def _free_name(ledger: Ledger, wanted: str) -> str:
    """The wanted name, or the first of wanted-2, wanted-3, … that nobody has."""
    taken = {*ledger.open, *(b.name for b in ledger.quarantined)}
    names = (wanted if n == 1 else f"{wanted}-{n}" for n in range(1, 10_000))
    return next(name for name in names if name not in taken and ledger.archived(name) is None)


def _mission_text(body: str, fields: Mapping[str, Scalar | Sequence[str]]) -> str:
    lines = [f"{key}: {_value(value)}" for key, value in fields.items() if value not in (None, "", (), [])]
    head = "---\n" + "\n".join(lines) + "\n---\n" if lines else ""
    return head + body.strip("\n") + "\n"


def _value(value: Scalar | Sequence[str]) -> str:
    if value is None or isinstance(value, str | int | float | bool):
        return frontmatter.print_scalar(value)
    return json.dumps(list(value), ensure_ascii=False)
