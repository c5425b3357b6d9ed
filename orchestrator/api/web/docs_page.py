"""What does a person see who opens `/docs`? The description as one plain page: no script, nothing from elsewhere."""

from __future__ import annotations

from typing import Any

from flask import render_template_string

POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
"""Nothing is loaded and nothing runs; the one style stands in the page."""

STYLE = """
:root { --paper:#faf8f3; --sheet:#fff; --sunk:#f3f0e9; --line:#e5e0d5; --ink:#1d1c1a; --ink-2:#5d5a53;
  --accent:#2f55a4; --rule:#d9674e; --done:#2e7d4f; --review:#8f5c08; --failed:#b83a2b;
  --ui:Inter,system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif;
  --mono:"JetBrains Mono",ui-monospace,"SF Mono",Menlo,"DejaVu Sans Mono",monospace; color-scheme:light dark }
@media (prefers-color-scheme:dark) { :root { --paper:#151412; --sheet:#1d1c19; --sunk:#11100f; --line:#2d2b27;
  --ink:#ece8df; --ink-2:#aba599; --accent:#8fb0f2; --rule:#a34a37; --done:#7cc598; --review:#e0a848;
  --failed:#ec8677 } }
* { box-sizing:border-box } body { margin:0; background:var(--paper); color:var(--ink); font:14.5px/1.55 var(--ui) }
main { max-width:60rem; margin:0 auto; padding:24px 16px 40px } h1 { font-size:24px; margin:0 0 4px }
h2 { font-size:18px; margin:40px 0 8px } p { max-width:65ch; color:var(--ink-2); margin:0 0 12px }
code,.m { font-family:var(--mono); font-size:13px; overflow-wrap:anywhere } a { color:var(--accent) }
details { background:var(--sheet); border:1px solid var(--line); border-left:3px solid var(--rule); border-radius:6px;
  margin:8px 0 } summary { cursor:pointer; padding:10px 12px; display:flex; gap:12px; flex-wrap:wrap; min-height:40px }
summary .m { font-weight:600; min-width:4.5em } .get { color:var(--done) } .post,.put,.patch { color:var(--accent) }
.delete { color:var(--failed) } .scope { margin-left:auto; color:var(--review); font-size:13px }
.in { padding:0 12px 12px; border-top:1px solid var(--line) } h3 { font-size:13px; margin:12px 0 4px }
table { border-collapse:collapse; width:100% } td { padding:3px 12px 3px 0; vertical-align:top }
td:first-child { white-space:nowrap } tr+tr td { border-top:1px solid var(--line) }
"""

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Shiftbook · what {{ node }} serves</title><style>{{ style|safe }}</style></head><body><main>
<h1>What {{ node }} serves</h1>
<p>Shiftbook {{ version }}. For programs: <a href="openapi.json">openapi.json</a>. Routes with a scope take
<code>Authorization: Bearer TOKEN</code>; <code>shiftbook token new NAME --scope chat</code> makes a token. On this
machine none is needed until the first was made. Errors are <code>application/problem+json</code>.</p>
{% for tag, operations in chapters %}<h2>{{ tag }}</h2>
{% for one in operations %}<details id="{{ one.id }}"><summary>
<span class="m {{ one.method }}">{{ one.method|upper }}</span>
<code>{{ one.path }}</code> <span>{{ one.summary }}</span>
<span class="scope">{{ "open to all" if one.scope == "open" else "scope " ~ one.scope }}</span>
</summary><div class="in">
{% if one.description %}<p>{{ one.description }}</p>{% endif %}
{% for title, rows in one.tables %}<h3>{{ title }}</h3><table>
{% for name, kind, words in rows %}<tr><td><code>{{ name }}</code></td><td><code>{{ kind }}</code></td>
<td>{{ words }}</td></tr>
{% endfor %}</table>{% endfor %}</div></details>
{% endfor %}{% endfor %}</main></body></html>
"""


def page(description: dict[str, Any], *, node: str) -> str:
    """The page for an OpenAPI description."""
    chapters: dict[str, list[dict[str, Any]]] = {}
    for path, item in sorted(description["paths"].items()):
        for method, operation in item.items():
            chapter = path.removeprefix("/api").removeprefix("/v1").strip("/").partition("/")[0]
            chapters.setdefault(chapter, []).append(_shown(description, path, method, operation))
    return render_template_string(
        PAGE, style=STYLE, node=node, version=description["info"]["version"], chapters=sorted(chapters.items())
    )


def _shown(description: dict[str, Any], path: str, method: str, operation: dict[str, Any]) -> dict[str, Any]:
    asked = [
        (each["name"], f"{each['in']}, {_kind(each['schema'])}", each.get("description", ""))
        for each in operation.get("parameters", [])
    ]
    responses = sorted(operation["responses"].items())
    answers = [(code, ", ".join(answer.get("content", {})), answer["description"]) for code, answer in responses]
    tables = [("Parameters", asked), ("Body", _fields(description, operation)), ("Answers", answers)]
    return {
        "id": operation.get("operationId", ""),
        "path": path,
        "method": method,
        "summary": operation.get("summary", ""),
        "description": operation.get("description", ""),
        "scope": operation["x-scope"],
        "tables": [(title, rows) for title, rows in tables if rows],
    }


def _fields(description: dict[str, Any], operation: dict[str, Any]) -> list[tuple[str, str, str]]:
    """The fields of a body, of its first media type."""
    for kind, media in operation.get("requestBody", {}).get("content", {}).items():
        schema = media.get("schema", {})
        name = schema.get("$ref", "").rpartition("/")[2]
        schema = description["components"]["schemas"].get(name, schema)
        must = set(schema.get("required", []))
        return [
            (field, _kind(value) + (", required" if field in must else ""), value.get("description", ""))
            for field, value in schema.get("properties", {}).items()
        ] or [("", kind, "")]
    return []


def _kind(schema: dict[str, Any]) -> str:
    """A schema in one word or two."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "anyOf" in schema:
        return " or ".join(_kind(each) for each in schema["anyOf"])
    if schema.get("type") == "array":
        return f"list of {_kind(schema.get('items', {}))}"
    return str(schema.get("type", "anything"))
