"""What may stand between a page and its node? A real nginx that holds events back, and hands out builds of the page.

Its settings are those of a person who has everything compressed, and so held back. Buffering alone passes chunks on
as they come.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.acceptance.test_proxy import nginx
from tests.page.built_files import unpacked
from tests.servers import free_port

SITE = """
server {{
  listen 127.0.0.1:{port};
  etag off; if_modified_since off;  # nginx knows files by second and size, and two builds may have both in common
  types {{
    text/html html; text/css css; text/javascript js mjs; application/json json; application/wasm wasm;
    application/manifest+json webmanifest; image/svg+xml svg; image/png png; font/woff2 woff2;
  }}
  location /app/assets/ {{ root {folder}; add_header Cache-Control "public, max-age=31536000, immutable"; }}
  location /app/ {{ root {folder}; try_files $uri /app/index.html; add_header Cache-Control no-cache; }}
  location / {{
    proxy_pass {node};
    proxy_set_header Host {host};
    proxy_set_header Origin {node};
    proxy_http_version 1.1;
    proxy_buffering on;
    gzip on; gzip_types *; gzip_proxied any;
    proxy_ignore_headers X-Accel-Buffering;
  }}
}}
"""


@dataclass
class Between:
    """Such a proxy."""

    url: str
    folder: Path
    built: Path

    def hand_out(self, build: Path) -> None:
        """Serves this build from now on, whole and at once, as a node does that was updated."""
        fresh = self.folder / "next"
        fresh.symlink_to(build)
        fresh.rename(self.folder / "app")

    def older(self, name: str) -> Path:
        """A build as one of another time: its page and its first script are called otherwise."""
        made = self.folder / f"build-{name}"
        shutil.copytree(self.built, made)
        index = (made / "index.html").read_text(encoding="utf-8")
        first = str(re.findall(r"assets/(index-[\w-]+)\.js", index)[0])
        page = str(re.findall(r"shell-([0-9a-f]{16})", (made / "sw.js").read_text(encoding="utf-8"))[0])
        old = {first.encode(): f"index-{name}".encode(), page.encode(): name.rjust(16, "0").encode()}
        for path in [*made.glob("*.html"), *made.glob("sw.js"), *made.glob("assets/*.js")]:
            data = path.read_bytes()
            for word, other in old.items():
                data = data.replace(word, other)
            path.write_bytes(data)
        (made / "assets" / f"{first}.js").rename(made / "assets" / f"index-{name}.js")
        return made


@contextmanager
def between(node: str, built: Path, folder: Path) -> Iterator[Between]:
    """One before a node, until the end of the block."""
    port = free_port()
    folder.mkdir()
    made = Between(url=f"http://127.0.0.1:{port}", folder=folder, built=unpacked(built, folder / "built"))
    made.hand_out(made.built)
    site = SITE.format(port=port, folder=folder, node=node, host=node.removeprefix("http://"))
    with nginx(folder / "nginx", site):
        yield made
