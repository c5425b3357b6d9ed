"""Which functions (OpenAI's tools) may an answer call, and what must it look like then?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import unquote

from orchestrator.api.routes.openai.schema import CompletionRequest, OpenAIFunction
from orchestrator.chat.tools.tool import object_schema
from orchestrator.core.errors import WrongPrompt

Schema = Mapping[str, Any]
ANY, MUST, NONE = "auto", "required", "none"
CHOICES = {"auto": ANY, "required": MUST, "any": MUST, "none": NONE}
"""What is said for a choice; `any` is Mistral's and Anthropic's word."""
DEFINITIONS = ("$defs", "definitions")
LITERALS = frozenset({"const", "enum", "default", "example", "examples"})
"""Keywords below which stands no schema: what looks like a reference there is a value."""
TYPES = frozenset({"string", "number", "integer", "boolean", "object", "array", "null"})
LARGEST_COUNT = 1000
"""Of letters or items: a grammar with a larger one is refused by llama.cpp."""
COUNTS = frozenset({"minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties"})


def offered_functions(body: CompletionRequest) -> tuple[list[OpenAIFunction], bool]:
    """The functions that may be called, and whether one must be. Raises WrongPrompt for a choice of none of them."""
    choice = body.function_call if body.older else body.tool_choice
    functions, word = body.offered, choice
    if isinstance(choice, Mapping):
        named, word = _choice_of(choice)
        functions = [each for each in functions if named is None or each.name in named]
        if named is not None and not functions and word != NONE:
            raise WrongPrompt("tool_choice names a function that is not among the tools")
    found = CHOICES.get(str(word))
    if found is None:
        raise WrongPrompt('tool_choice is none, auto, required or {"type": "function", "function": {"name": NAME}}')
    return ([], False) if found == NONE else (functions, found == MUST)


def _choice_of(choice: Mapping[str, Any]) -> tuple[set[str] | None, str]:
    """The names that a choice leaves (None: all), and its word."""
    kind = choice.get("type")
    if kind == "allowed_tools":
        allowed = choice.get("allowed_tools")
        allowed = allowed if isinstance(allowed, Mapping) else choice
        tools = allowed.get("tools")
        names = {_name(each) for each in tools if isinstance(each, Mapping)} if isinstance(tools, list) else set()
        return names, str(allowed.get("mode") or ANY)
    if kind in CHOICES and not _name(choice):
        return None, str(kind)
    return {_name(choice)}, MUST


def _name(choice: Mapping[str, Any]) -> str:
    function = choice.get("function")
    return str((function if isinstance(function, Mapping) else choice).get("name") or "")


def schema_of(body: CompletionRequest, functions: Sequence[OpenAIFunction], *, must: bool) -> dict[str, Any] | None:
    """What the answer must look like; None for free text. Raises WrongPrompt."""
    wanted = _response_schema(body.response_format)
    lifted = SchemaLift()
    if not functions:
        return lifted.root(lifted.of(wanted, "response_format")) if wanted else wanted
    calls = [
        object_schema(
            {"tool": {"const": each.name}, "arguments": lifted.of(each.parameters, f"tools.{number}.function")}
        )
        for number, each in enumerate(functions)
    ]
    text = lifted.of(wanted, "response_format") if wanted else {"type": "string"}
    return lifted.root({"anyOf": [*calls, *([] if must else [object_schema({"answer": text})])]})


def _response_schema(wanted: Mapping[str, Any] | None) -> dict[str, Any] | None:
    kind = (wanted or {}).get("type") or "text"
    if wanted is None or kind == "text":
        return None
    held = wanted.get("json_schema") if kind == "json_schema" else wanted
    schema = held.get("schema") if isinstance(held, Mapping) else held
    if kind in ("json_object", "json_schema") and (schema is None or isinstance(schema, dict)):
        return schema or {"type": "object"}
    raise WrongPrompt("response_format is text, json_object, or json_schema with a schema, which is an object")


MAX_SCHEMA_DEPTH = 100
"""Parts within parts, and references to references: far more than a program writes, far less than Python's stack."""


class SchemaLift:
    """Schemas that become parts of another one: what their references mean, each from its own root, goes with them.

    A reference is read from the root of the schema that it stands in; below another root it would lead nowhere.
    """

    def __init__(self) -> None:
        self._found: dict[str, Any] = {}
        self._depth = 0

    def of(self, schema: Schema, place: str) -> dict[str, Any]:
        """The schema, with references that are read from the new root. Raises WrongPrompt where one leads nowhere."""
        names: dict[str, str] = {}
        made = {key: value for key, value in self._copied(schema, schema, names, place).items() if key != "$schema"}
        return {key: value for key, value in made.items() if key not in DEFINITIONS} if names else made

    def root(self, schema: dict[str, Any]) -> dict[str, Any]:
        """A schema that is made of those, with what they refer to."""
        return {**schema, "$defs": self._found} if self._found else schema

    def _copied(self, part: Any, root: Schema, names: dict[str, str], place: str) -> Any:
        """A part with what its references lead to. Raises WrongPrompt for one within too many others."""
        if self._depth >= MAX_SCHEMA_DEPTH:
            raise WrongPrompt(f"{place}: its schema is more than {MAX_SCHEMA_DEPTH} levels deep, references included")
        self._depth += 1
        try:
            return self._copied_part(part, root, names, place)
        finally:
            self._depth -= 1

    def _copied_part(self, part: Any, root: Schema, names: dict[str, str], place: str) -> Any:
        if isinstance(part, list):
            return [self._copied(each, root, names, place) for each in part]
        if not isinstance(part, Mapping):
            return part
        _check_words(part, place)
        if isinstance(part.get("$ref"), str):
            aim = {"$ref": f"#/$defs/{self._lifted(part['$ref'], root, names, place)}"}
            return {"anyOf": [aim, {"type": "null"}]} if part.get("nullable") is True else aim
        return _plain({key: self._member(key, value, root, names, place) for key, value in part.items()})

    def _member(self, key: str, value: Any, root: Schema, names: dict[str, str], place: str) -> Any:
        if key in LITERALS or (key in DEFINITIONS and isinstance(value, Mapping)):
            return value  # of definitions, what is used is lifted
        if key in ("properties", "patternProperties") and isinstance(value, Mapping):  # its keys are names
            parts = {name: self._copied(each, root, names, place) for name, each in value.items() if each is not False}
            return {name: {} if each is True else each for name, each in parts.items()}
        return self._copied(value, root, names, place)

    def _lifted(self, reference: str, root: Schema, names: dict[str, str], place: str) -> str:
        """The name under which a reference's aim stands in the new root."""
        if reference not in names:
            aim = _resolve(reference, root)
            if not isinstance(aim, Mapping | bool):
                raise WrongPrompt(f"{place}: a reference in its schema leads nowhere; send what it means with it")
            names[reference] = f"d{len(self._found)}"
            self._found[names[reference]] = {}  # taken, because it may refer to itself
            self._found[names[reference]] = self._copied(aim, root, names, place)
        return names[reference]


def _check_words(schema: Schema, place: str) -> None:
    """Raises WrongPrompt for what no schema says: a backend would tell neither the place nor the reason."""
    kinds = schema.get("type")
    for kind in kinds if isinstance(kinds, list) else [kinds]:
        if kind is not None and not (isinstance(kind, str) and kind in TYPES):
            raise WrongPrompt(f"{place}: a type in its schema is none of {', '.join(sorted(TYPES))}")
    if schema.get("enum") == []:
        raise WrongPrompt(f"{place}: an enum in its schema is empty")


def _plain(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema without what grammars do not know, and with OpenAPI 3.0's way to allow null in JSON Schema's."""
    kept = {key: value for key, value in schema.items() if value is not None or key in LITERALS}
    kept = {key: value for key, value in kept.items() if key not in COUNTS or not _is_large(value)}
    if kept.get("items") is False:
        kept |= {"items": {}, "maxItems": len(kept.get("prefixItems") or ())}
    if kept.pop("nullable", None) is True and isinstance(kept.get("type"), str):
        return {"anyOf": [kept, {"type": "null"}]}
    return kept


def _is_large(count: Any) -> bool:
    return isinstance(count, int | float) and count > LARGEST_COUNT


def _resolve(reference: str, root: Schema) -> Any:
    """What a reference within its schema leads to: a JSON pointer (RFC 6901), an anchor, or the root; else None."""
    base, _, pointer = reference.partition("#")
    if base and base != root.get("$id"):
        return None
    if pointer and not pointer.startswith("/"):
        return next((each for each in _schemas(root) if each.get("$anchor") == pointer), None)
    aim: Any = root
    for step in unquote(pointer).split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        if isinstance(aim, Mapping):
            aim = aim.get(name)
        elif isinstance(aim, list) and name.isdecimal() and int(name) < len(aim):
            aim = aim[int(name)]
        else:
            return None
    return aim


def _schemas(part: Any) -> Iterator[Schema]:
    if isinstance(part, Mapping):
        yield part
    for each in part.values() if isinstance(part, Mapping) else part if isinstance(part, list) else ():
        yield from _schemas(each)
