"""Which of this machine's tools may a run in the sandbox see, and how does it find them?"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator.core.errors import WrongSetting

SETUPS_FOLDER, SETUP_FILE = "setup", "done.json"
"""Where below the cache projects' set-ups are, a folder for each project, and what each set-up that is done holds."""
BIN_FOLDERS = ("shims", "bin")
"""Where a tool's folder keeps its programs: pyenv's and asdf's shims choose the version, so they come first."""
HOME_VARIABLES = {
    ".pyenv": "PYENV_ROOT",
    ".rustup": "RUSTUP_HOME",
    ".nvm": "NVM_DIR",
    ".rbenv": "RBENV_ROOT",
    ".asdf": "ASDF_DATA_DIR",
}
"""By which variable a tool finds its own folder where the home folder is another one."""


@dataclass(frozen=True, kw_only=True)
class RunTools:
    """What a run is given beside its workspace: folders that it may read, a longer PATH, variables, views.

    `views` and `also_at` are those of a confinement. What is in `tested_with` is shown to the project's tests only.
    """

    readable: tuple[Path, ...] = ()
    path: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)
    parts: tuple[tuple[Path, str], ...] = ()
    """What the set-up made: where it lies, and its path in the tree."""
    views: tuple[tuple[Path, Path], ...] = ()
    also_at: Path | None = None
    tested_with: tuple[tuple[Path, str], ...] = ()


NO_TOOLS = RunTools()


def machine_tools(names: Iterable[str], *, home: Path, private: Path) -> RunTools:
    """The tools that `projects.NAME.tools` names, as they are on this machine; those that are not there are left out.

    `private` is the node's own folder, with its keys. Raises WrongSetting for what would show that, or a whole home.
    """
    readable: dict[Path, None] = {}
    path: dict[str, None] = {}
    variables = {}
    for name in names:
        tool = expand_home(name, home)
        if not tool.exists():
            continue
        for shown in (tool, tool.resolve()):  # a link in ~/.local/bin leads elsewhere
            _require_no_secret(name, shown, home, private)
            readable[shown] = None
        path |= dict.fromkeys(str(each) for each in _programs(tool))
        if tool.name in HOME_VARIABLES:
            variables[HOME_VARIABLES[tool.name]] = str(tool)
    return RunTools(readable=tuple(readable), path=tuple(path), variables=variables)


def expand_home(name: str, home: Path) -> Path:
    """A path of a fleet's file on this machine: `~/` is the home folder of the node's user."""
    return home / name.removeprefix("~/") if name.startswith("~/") else Path(name)


def _require_no_secret(name: str, shown: Path, home: Path, private: Path) -> None:
    for secret in (home, home.resolve(), private, private.resolve(), home / ".ssh", home / ".gnupg"):
        if secret.is_relative_to(shown) or (secret not in (home, home.resolve()) and shown.is_relative_to(secret)):
            raise WrongSetting("tools", f"{name} would show {secret} to every run: name the tool's own folder")


def _programs(tool: Path) -> Iterator[Path]:
    """The folders of a tool in which programs lie."""
    if tool.is_file():
        yield tool.parent
        return
    found = [tool / name for name in BIN_FOLDERS if (tool / name).is_dir()]
    found = found or sorted(tool.glob("versions/node/*/bin"), key=_version)[-1:]
    if found:
        yield from found
    elif any(each.is_file() and os.access(each, os.X_OK) for each in tool.iterdir()):
        yield tool


def _version(folder: Path) -> tuple[int, ...]:
    """`versions/node/v20.11.0/bin` as numbers."""
    return tuple(int(part) for part in folder.parent.name.lstrip("v").split(".") if part.isdigit())
