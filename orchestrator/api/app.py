"""Which app does a node serve? Made of one blueprint a noun, each from a file of its own."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version

from flask import Response
from flask_openapi.blueprint import APIBlueprint
from flask_openapi.models.info import Info
from flask_openapi.openapi import OpenAPI

from orchestrator.api import health, problems
from orchestrator.api.house import KEY, House

NOUNS: tuple[Callable[[House], APIBlueprint], ...] = (health.blueprint,)
"""Each makes its routes for a house; a house without a door (a role, a setting) leaves them out in `gate`."""


def create_app(doors: House) -> OpenAPI:
    """The app for these doors."""
    app = OpenAPI(
        "shiftbook",
        info=Info(title="Shiftbook", version=version("shiftbook")),
        validation_error_status=422,
        validation_error_model=problems.Problem,
        validation_error_callback=_invalid,
        doc_ui=False,
        static_folder=None,
    )
    app.openapi_version = "3.1.0"
    app.extensions[KEY] = doors
    problems.tell_errors(app)
    for noun in NOUNS:
        app.register_api(noun(doors))
    return app


_invalid: Callable[..., Response] = problems.invalid
