"""Does one exchange with a forge's API keep to what its maker has published of it: OpenAPI 3, or Swagger 2?

Stricter than a validator of OpenAPI where those let everything pass: a query, a field of a body and a field of an
answer that are not described are faults. More lenient where a stand-in may be: an answer need not have every field.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

OPERATIONS = frozenset({"get", "post", "put", "patch", "delete"})
ANYWHERE = frozenset({304, 401, 403, 429})
"""Answers that HTTP, tokens and limits of rate give on every route; makers describe them once, in words."""
TYPES: Mapping[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
}


@dataclass(frozen=True, kw_only=True)
class Exchange:
    """A request, below the API's base and as it was sent, and its answer. `made_up`: a test told the stand-in what to
    answer."""

    method: str
    path: str
    query: Mapping[str, str]
    body: Any
    status: int
    answer: Any
    made_up: bool = False

    def __str__(self) -> str:
        return f"{self.method} {self.path} ({self.status})"


@dataclass(frozen=True)
class Description:
    """One maker's file. `base` stands before each path in it."""

    document: Mapping[str, Any]
    base: str = ""
    tells_null: bool = True
    """Whether the file says of a field of an answer that it may be null; GitLab's and Forgejo's never do."""

    @cached_property
    def operations(self) -> list[tuple[str, re.Pattern[str], str]]:
        """Method, pattern of the path, and the path as the file has it; those with fewest holes first."""
        found = [
            (method, re.compile(re.sub(r"\\{[^/]+?\\}", "[^/]+", re.escape(path.removeprefix(self.base)))), path)
            for path, methods in self.document["paths"].items()
            for method in methods
            if method in OPERATIONS
        ]
        return sorted(found, key=lambda one: one[2].count("{"))

    def place(self, method: str, path: str) -> str:
        """The path as the file has it; empty where it has none."""
        return next(
            (there for verb, pattern, there in self.operations if verb == method.lower() and pattern.fullmatch(path)),
            "",
        )

    def faults(self, one: Exchange) -> Iterator[str]:
        """What of an exchange the maker did not publish."""
        place = self.place(one.method, one.path)
        if not place:
            if one.status != 404:
                yield f"{one}: there is no such route"
            return
        operation = self.document["paths"][place][one.method.lower()]
        shared = self.document["paths"][place].get("parameters", ())
        parameters = [self.there(each) for each in (*shared, *operation.get("parameters", ()))]
        for fault in (
            *self._query_faults(one.query, parameters),
            *self._body_faults(one.body, operation, parameters),
            *(() if one.made_up else self._answer_faults(one, operation)),
        ):
            yield f"{one}: {fault}"

    def there(self, found: Any) -> Any:
        """What a `$ref` points to, at its end."""
        while isinstance(found, dict) and "$ref" in found:
            at: Any = self.document
            for name in found["$ref"].removeprefix("#/").split("/"):
                at = at[name]
            found = at
        return found

    def _query_faults(self, query: Mapping[str, str], parameters: list[Any]) -> Iterator[str]:
        known = {each["name"]: each for each in parameters if each["in"] == "query"}
        for name, value in query.items():
            if name not in known:
                yield f"the query {name} is unknown"
            else:
                schema = self.there(known[name].get("schema", known[name]))
                wrong = schema.get("type") == "integer" and not value.isdecimal()
                if wrong or value not in schema.get("enum", [value]):
                    yield f"the query {name} is {value!r}: {schema}"
        needed = {name for name, each in known.items() if each.get("required")}
        yield from (f"the query {name} is missing" for name in sorted(needed - set(query)))

    def _body_faults(self, body: Any, operation: Mapping[str, Any], parameters: list[Any]) -> Iterator[str]:
        schema = next((each["schema"] for each in parameters if each["in"] == "body"), None)
        content = self.there(operation.get("requestBody", {})).get("content", {})
        schema = content.get("application/json", {}).get("schema", schema)
        if body is not None and schema is None:
            yield "it takes no body"
        elif schema is not None and (body is not None or operation.get("requestBody", {}).get("required")):
            yield from self.value_faults(body, schema, "body", sent=True)

    def _answer_faults(self, one: Exchange, operation: Mapping[str, Any]) -> Iterator[str]:
        told = operation["responses"].get(str(one.status))
        if told is None:
            if one.status not in ANYWHERE:
                yield f"it never answers so, but {', '.join(operation['responses'])}"
            return
        told = self.there(told)
        schema = told.get("content", {}).get("application/json", {}).get("schema", told.get("schema"))
        if schema is not None and one.answer is not None:
            yield from self.value_faults(one.answer, schema, "answer", sent=False)

    def value_faults(self, value: Any, schema: Any, where: str, *, sent: bool) -> Iterator[str]:
        """What of a value its schema does not say; `sent` by us, else answered: then fields may be missing."""
        schema = self.there(schema)
        if "allOf" in schema:
            schema = self._joined(schema)
        if value is None and (not self.tells_null or schema.get("nullable") or schema.get("x-nullable")) and not sent:
            return
        for choice in ("oneOf", "anyOf"):
            if choice in schema:
                tried = [list(self.value_faults(value, {**each}, where, sent=sent)) for each in schema[choice]]
                yield from min(tried, key=len)
                return
        kinds = schema.get("type", "object" if "properties" in schema else None)
        kinds = [kinds] if isinstance(kinds, str) else kinds
        if kinds is not None and not any(_is(value, kind) for kind in kinds):
            yield f"{where} is {value!r}, and no {' or '.join(kinds)}"
            return
        if "enum" in schema and value not in schema["enum"]:
            yield f"{where} is {value!r}, and not one of {schema['enum']}"
        if isinstance(value, dict) and ("properties" in schema or sent):
            yield from self._field_faults(value, schema, where, sent=sent)
        if isinstance(value, list) and "items" in schema:
            for place, each in enumerate(value):
                yield from self.value_faults(each, schema["items"], f"{where}[{place}]", sent=sent)

    def _field_faults(
        self, value: dict[str, Any], schema: Mapping[str, Any], where: str, *, sent: bool
    ) -> Iterator[str]:
        known, more = schema.get("properties", {}), schema.get("additionalProperties")
        for name, each in value.items():
            if name in known:
                yield from self.value_faults(each, known[name], f"{where}.{name}", sent=sent)
            elif not more:
                yield f"{where}.{name} is unknown"
        if sent:
            yield from (f"{where}.{name} is missing" for name in schema.get("required", ()) if name not in value)

    def _joined(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        """The parts of an `allOf` as one object."""
        parts = [self.there(each) for each in schema["allOf"]]
        parts = [self._joined(each) if "allOf" in each else each for each in parts]
        own = {name: each for name, each in schema.items() if name != "allOf"}
        joined = {name: each for part in (*parts, own) for name, each in part.items()}
        fields = {name: each for part in (*parts, own) for name, each in part.get("properties", {}).items()}
        return {**joined, **({"properties": fields} if fields else {})}


def _is(value: Any, kind: str) -> bool:
    return isinstance(value, TYPES[kind]) and (kind == "boolean" or not isinstance(value, bool))
