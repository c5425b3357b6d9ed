"""Where do a test's releases of this program come from? A real repository with signed tags, each this very program."""

from __future__ import annotations

import inspect
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from orchestrator.app.updates.releases import Release
from tests.acceptance import test_updating
from tests.acceptance.test_updating import PACKAGES, ROOT, Releases
from tests.orchestrator.app.updates.test_releases import Upstream

PACKAGES_HERE = next(each for each in sys.path if each.endswith("site-packages"))
FIND = 'next(each for each in sys.path if each.endswith("site-packages"))'
CHEAP_INSTALL = f"""

import shutil
{inspect.getsource(test_updating.install)}
_cheap = install


def install(source: Path, folder: Path, *_: object) -> None:
    _cheap(source, folder)
"""
"""At the end of the module that installs: what pip does has its own tests, and takes minutes."""


class ReleaseRepository(Upstream):
    """Releases whose installation copies them, beside the packages in `packages`, as whoever installs sees those."""

    def __init__(self, folder: Path, packages: str = PACKAGES_HERE, faults: Mapping[str, str] | None = None) -> None:
        super().__init__(folder)
        self.packages, self.faults = packages, faults or {}
        """Tag → what is at the end of that release's loop of the node."""

    def release(self, tag: str, *, page: bool = False) -> None:
        """One more, signed; with `page` it has the web page, as far as that is built here."""
        for package in PACKAGES:
            shutil.rmtree(self.folder / Path(package).name, ignore_errors=True)
        Releases([tag]).export(Release(tag=tag, commit="", signer=""), self.folder)
        if page:
            shutil.copytree(ROOT / "mobile-bridge/mobile_bridge/page", self.folder / "mobile_bridge/page")
        with (self.folder / "orchestrator/app/updates/installation.py").open("a") as file:
            file.write(CHEAP_INSTALL.replace(FIND, repr(self.packages)))
        if tag in self.faults:
            with (self.folder / "orchestrator/node/loop.py").open("a") as file:
                file.write(self.faults[tag])
        self.commit(tag)
        self.tag(tag, key=self.releaser)
