"""What does the person of an episode change in a clone's missions? Adds, edits, cancels, deletes, pauses, resumes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from random import Random

from missions.document import with_fields
from tests.acceptance.fleets import command


@dataclass
class Edits:
    """Changes of the files of a clone, as what shall be written: path and text, or None for a file that goes."""

    clone: Path
    added: int = 0

    def resumed(self) -> dict[str, str | None]:
        """Every parked mission, back in the queue."""
        here = [path for path in (self.clone / "missions").glob("*.md") if path.name != "README.md"]
        texts = {f"missions/{path.name}": path.read_text(encoding="utf-8") for path in here}
        parked = {name: text for name, text in texts.items() if "\nstatus: parked\n" in text}
        return {name: with_fields(text, {"status": "queued", "reason": None}) for name, text in parked.items()}

    def second_spellings(self) -> dict[str, str | None]:
        """Files that are a second spelling of a mission's name, or have a finished one's; the person takes them out, as
        it is told."""
        here = (path for path in (self.clone / "missions").glob("*.md") if path.name != "README.md")
        finished = {path.name for path in (self.clone / "missions" / "archive" / "names").glob("?/?/?/?/*")}
        odd = (path.name for path in here if path.name != path.name.lower() or path.stem in finished)
        return {f"missions/{name}": None for name in odd}

    def edit(self, what: str, chance: Random) -> dict[str, str | None]:
        if what == "resume":
            return self.resumed()
        if what == "add":
            self.added += 1
            return {f"missions/new{self.added:02d}.md": command("sleep 0.5; echo new", max_retries=50)}
        here = sorted(path for path in (self.clone / "missions").glob("*.md") if path.name != "README.md")
        if not here:
            return {}
        path = chance.choice(here)
        name, text = f"missions/{path.name}", path.read_text(encoding="utf-8")
        if what == "twin":
            other = path.with_stem(path.stem.swapcase())  # over one that is there it would take away what nodes told
            return {} if other.exists() else {f"missions/{other.name}": text}
        if what == "delete":
            return {name: None}
        if what == "pause":
            rests = any(f"\nstatus: {status}\n" in text for status in ("cancelled", "dead", "parked"))
            return {} if rests else {name: with_fields(text, {"status": "parked", "reason": "paused by ada"})}
        if what == "cancel":
            return {name: with_fields(text, {"status": "cancelled"})}
        return {name: text.replace("Do it", f"Do it well ({chance.randint(0, 999)})", 1)}
