"""How was this program installed here: what adds an extra to it, and where are its documents?"""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from missions.plain_data import read_json, read_toml

if TYPE_CHECKING:
    from importlib.metadata import Distribution

PACKAGE = "shiftbook"
UV_RECEIPT = "uv-receipt.toml"
"""What `uv tool install` writes into an environment, with what was asked for."""
PIPX_RECEIPT = "pipx_metadata.json"
"""What `pipx install` writes into one."""
FOLDER_KEYS = ("directory", "editable", "path")
"""In uv's receipt: the package came from a folder or a file."""
EXTRA_MARKER = re.compile(r"extra == ['\"]([\w-]+)['\"]")
DOCUMENTATION_LABEL = "documentation"


@dataclass(frozen=True, kw_only=True)
class OwnInstallation:
    """One installation of this program. `package` is what its installer wrote of it; None where nobody installed it."""

    environment: Path
    package: Distribution | None

    def extra_command(self, extra: str) -> str:
        """What a person types to add an extra to this installation, in one line."""
        receipt = self.environment / UV_RECEIPT
        if receipt.is_file():
            return _uv_command(_receipt(receipt), extra)
        if (self.environment / PIPX_RECEIPT).is_file():
            return shlex.join(["pipx", "inject", PACKAGE, *self._requirements(extra)])
        folder = self.source_folder
        if folder is not None and self._is_editable:
            return f"{self._pip_install} -e {shlex.quote(f'{folder}[{extra}]')}"
        return f"{self._pip_install} {shlex.quote(f'{folder or PACKAGE}[{extra}]')}"

    def reinstall_command(self) -> str:
        """What a person types to have the web page in this installation, which is built when that is made."""
        if (self.environment / UV_RECEIPT).is_file():
            return f"uv tool upgrade --reinstall-package {PACKAGE} {PACKAGE}"
        if (self.environment / PIPX_RECEIPT).is_file():
            return f"pipx reinstall {PACKAGE}"
        folder = self.source_folder
        if folder is not None and self._is_editable:
            return f"make -C {shlex.quote(str(folder))} page"
        return f"{self._pip_install} --force-reinstall --no-deps {shlex.quote(str(folder or PACKAGE))}"

    def document_place(self, name: str) -> str:
        """Where a document such as `docs/start.md` is: its file in the clone, else its address, else its name."""
        folder = self.source_folder
        if folder is not None and (folder / name).is_file():
            return str(folder / name)
        said = self.package.metadata.get_all("Project-URL") if self.package else None
        urls = (each.partition(",") for each in said or ())
        by_label = {label.strip().lower(): url.strip() for label, _, url in urls}
        if DOCUMENTATION_LABEL in by_label:
            return f"{by_label[DOCUMENTATION_LABEL].rstrip('/')}/{name}"
        return f"{name} at {next(iter(by_label.values()))}" if by_label else f"in the documents, {name}"

    @property
    def source_folder(self) -> Path | None:
        """The clone that it was installed from, if that is a folder that is still there."""
        url = urlsplit(str(self._origin.get("url", "")))
        folder = Path(unquote(url.path))
        return folder if url.scheme == "file" and folder.is_dir() else None

    @property
    def _is_editable(self) -> bool:
        return bool(self._origin.get("dir_info", {}).get("editable"))

    @property
    def _origin(self) -> Mapping[str, Any]:
        """Where the package came from (PEP 610); empty for one of an index."""
        said = self.package.read_text("direct_url.json") if self.package else None
        return read_json(said) if said else {}

    @property
    def _pip_install(self) -> str:
        """The pip of this environment, whatever `pip` is on the path; uv's where it has none."""
        pip, python = self.environment / "bin" / "pip", self.environment / "bin" / "python"
        if pip.is_file():
            return f"{shlex.quote(str(pip))} install"
        return f"uv pip install --python {shlex.quote(str(python))}" if python.exists() else "pip install"

    def _requirements(self, extra: str) -> Iterator[str]:
        """The packages of an extra, as pip takes them."""
        for line in (self.package.requires if self.package else None) or ():
            requirement, _, marker = line.partition(";")
            found = EXTRA_MARKER.search(marker)
            if found and found[1] == extra:
                yield requirement.strip()


def _receipt(path: Path) -> Mapping[str, Any]:
    """What uv wrote; nothing where that cannot be read, for who asks has something else to say."""
    try:
        return read_toml(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}


def _uv_command(receipt: Mapping[str, Any], extra: str) -> str:
    """The line that was typed, with one more extra: uv replaces what was asked for before."""
    asked = [each for each in receipt.get("tool", {}).get("requirements", ()) if isinstance(each, dict)]
    own = next((each for each in asked if each.get("name") == PACKAGE), {})
    extras = ",".join(sorted({*own.get("extras", ()), extra}))
    folder = next((str(own[key]) for key in FOLDER_KEYS if key in own), "")
    away = f"git+{own['git']}" if "git" in own else str(own.get("url", ""))
    what = f"{folder or PACKAGE}[{extras}]" + (f" @ {away}" if away else str(own.get("specifier", "")))
    words = ["uv", "tool", "install", *["--editable"][: "editable" in own], what]
    others = [each for each in asked if each.get("name") != PACKAGE]
    for each in others:
        words += ["--with", f"{each.get('name')}{each.get('specifier', '')}"]
    return shlex.join(words)


@cache
def _own() -> OwnInstallation:
    from importlib.metadata import PackageNotFoundError, distribution  # slow to load, and few ask

    try:
        package: Distribution | None = distribution(PACKAGE)
    except PackageNotFoundError:
        package = None
    return OwnInstallation(environment=Path(sys.prefix), package=package)


def extra_command(extra: str) -> str:
    """What a person types to add an extra to the installation that runs, between backticks as in every hint."""
    return f"`{_own().extra_command(extra)}`"


def reinstall_command() -> str:
    """What a person types to have the web page in the installation that runs; without backticks."""
    return _own().reinstall_command()


def document_place(name: str, section: str = "") -> str:
    """Where a person reads a document of this program, which a wheel does not bring; with the section, if any."""
    return _own().document_place(name) + (f", “{section}”" if section else "")
