#!/usr/bin/env bash
# flask-openapi 5.0.0: of two route decorators on one function only the lower one's `validate_response` counts, for both.
#
# Flask's way to serve one function at two addresses is to stack two decorators. flask-openapi makes the checked view at the
# first of them and keeps it on the function (`func.view`); the second registers the same view, whatever it was told. So
# `responses=` and `validate_response=True` at the upper decorator are described in /openapi.json and never checked, and a
# lower one's are checked at the other address, too. Nothing is said.
# Seen: flask-openapi 5.0.0, Flask 3.1.2, Python 3.11. Fails once that has changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check flask-openapi==5.0.0 flask==3.1.2
"$folder/venv/bin/python" - 2>/dev/null <<'PYTHON'
from flask_openapi import OpenAPI
from pydantic import BaseModel


class Pet(BaseModel):
    age: int


app = OpenAPI("pets")
app.config["PROPAGATE_EXCEPTIONS"] = False
checked = {"responses": {200: Pet}, "validate_response": True}


@app.get("/checked-above", **checked)
@app.get("/plain-below")
def one():
    return {"age": "seven"}


@app.get("/plain-above")
@app.get("/checked-below", **checked)
def two():
    return {"age": "seven"}


@app.get("/alone", **checked)
def three():
    return {"age": "seven"}


seen = {path: app.test_client().get(path).status_code for path in app.api_doc["paths"]}
for path, status in seen.items():
    print(f"{path:<16}{status}")
described = app.api_doc["paths"]["/checked-above"]["get"]["responses"]["200"]
assert "Pet" in str(described), "it is described"
assert seen["/alone"] == 500, "a wrong answer is told apart"
assert seen["/checked-above"] == seen["/plain-below"] == 200, "the surprise is gone"
assert seen["/checked-below"] == seen["/plain-above"] == 500, "the surprise is gone"
PYTHON
