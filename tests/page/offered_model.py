"""What does a node say of the model that it offers to devices? A stand-in at its edge, with bytes of the test's own."""

from __future__ import annotations

import hashlib

from playwright.sync_api import Route

from tests.page.tab import Tab

NAME = "smollm2-135m-instruct"
PIECE = 4 * 1024 * 1024


def offer(*pieces: bytes, size: int = 0, name: str = "<b>small</b>") -> dict[str, object]:
    """What a node says of a model of such pieces."""
    hashes = [hashlib.sha256(each).hexdigest() for each in pieces]
    told = {"name": name, "good_for": "toy", "says": "a toy", "size": size or sum(map(len, pieces))}
    whole = hashlib.sha256(b"".join(pieces)).hexdigest()
    return told | {"digest": whole, "piece": len(pieces[0]), "pieces": hashes}


def sent(route: Route, piece: bytes) -> None:
    """Answers a piece."""
    route.fulfill(status=206, content_type="application/octet-stream", body=piece)


def offer_model(tab: Tab, data: bytes) -> None:
    """Has the node's edge offer this file, piece by piece."""
    pieces = [data[at : at + PIECE] for at in range(0, len(data), PIECE)]
    tab.answer("**/api/v1/device-model", offer(*pieces, name=NAME))

    def piece(route: Route) -> None:
        first = int(route.request.headers["range"].removeprefix("bytes=").partition("-")[0])
        sent(route, pieces[first // PIECE])

    tab.page.route("**/api/v1/device-model/*", piece)
