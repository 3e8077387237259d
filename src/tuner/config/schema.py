"""The config language as a JSON Schema, for editors: completion, help and warnings while a config is being written.

It accepts whatever `load` accepts, and a little more: what only several settings together show (a choice's settings
under another choice's name, contradictions) is left to `tuner check`. It speaks draft 2020-12 and uses nothing that
draft 7 reads differently.
"""

from __future__ import annotations

from collections.abc import Sequence
from inspect import cleandoc
from typing import Annotated, Any

from pydantic import TypeAdapter
from pydantic.fields import FieldInfo

from tuner.choice import Choice, Section, fold
from tuner.config import words
from tuner.config.settings import Config, dump

Schema = dict[str, Any]

DRAFT = "https://json-schema.org/draft/2020-12/schema"
OTHER = "[^A-Za-z0-9]*"
"""What may stand between the letters of a name without changing it (see `tuner.choice.fold`)."""

NONE: Schema = {"enum": [None, "none"]}
EXTENDS: Schema = {
    "description": "a file, or a list of files, whose settings this one builds on; relative to this file",
    "anyOf": [
        {"type": "string", "minLength": 1},
        {"type": "array", "items": {"type": "string", "minLength": 1}},
    ],
}


def json_schema() -> Schema:
    """The schema of a config file."""
    definitions: dict[str, Schema] = {}
    schema = _section(Config, definitions)
    schema["properties"] = {"extends": EXTENDS, **schema["properties"]}
    return {"$schema": DRAFT, "title": "tuner config", **schema, "$defs": dict(sorted(definitions.items()))}


def _section(cls: type[Section], definitions: dict[str, Schema]) -> Schema:
    """A map of the settings of `cls`; none is required, since a file it extends may hold them."""
    return {
        "description": cleandoc(cls.__doc__ or ""),
        "type": "object",
        "properties": {key: _field(info, definitions) for key, info in cls.model_fields.items()},
        "additionalProperties": False,
    }


def _field(info: FieldInfo, definitions: dict[str, Schema]) -> Schema:
    """One setting: what it takes, its help and its default."""
    described: Schema = {"description": info.description} if info.description else {}
    is_inherited = info.default is None and words.family(info.annotation) is not None  # a layer's: the model's holds
    if not info.is_required() and not is_inherited:
        described["default"] = plain_default(info)
    taken = _taken(info, definitions)
    # Draft 7 reads nothing beside a $ref, so that one stands in a list of its own.
    return {**described, **({"allOf": [taken]} if "$ref" in taken else taken)}


def plain_default(info: FieldInfo) -> Any:
    """The default of an optional setting as plain values; ``none`` for a section that is not there."""
    default = info.get_default(call_default_factory=True)
    if default is None and words.section(info.annotation):
        return "none"
    if isinstance(default, list):
        return [dump(item) if isinstance(item, Section) else item for item in default]
    return dump(default) if isinstance(default, Section) else default


def _taken(info: FieldInfo, definitions: dict[str, Schema]) -> Schema:
    """What a setting takes."""
    annotation = info.annotation
    kind, part, listed = words.family(annotation), words.section(annotation), words.listed_family(annotation)
    if kind is not None:
        taken = _kind(kind, definitions)
    elif part is not None:
        taken = _section(part, definitions)
    elif listed is not None:
        return {"type": "array", "items": _kind(listed, definitions)}
    else:
        taken = leaf(info)
    return {"anyOf": [taken, NONE]} if words.optional(annotation) else taken


def leaf(info: FieldInfo) -> Schema:
    """A setting that is a scalar or a list, with its bounds as pydantic states them."""
    annotation: Any = Annotated[info.annotation, *info.metadata] if info.metadata else info.annotation
    schema: Schema = TypeAdapter(annotation).json_schema()
    if "none" in schema.get("enum", ()):  # null is accepted for none
        return {"enum": [*schema["enum"], None]}
    return schema


def _kind(kind: type[Choice], definitions: dict[str, Schema]) -> Schema:
    """A choice of a kind, by reference: most kinds stand in several places."""
    if kind.kind not in definitions:
        definitions[kind.kind] = {}  # holds the place, should a member take its own kind
        forms = [] if kind.kind == "layer" else [_bare(kind)]
        for member in kind.members.values():
            key = f"{kind.kind}.{member.name}"
            definitions[key] = _member(kind, member, definitions)
            forms.append({"$ref": f"#/$defs/{key}"})
        if kind.kind != "layer":
            forms.append(_nameless(kind, definitions))
        definitions[kind.kind] = {"description": cleandoc(kind.__doc__ or ""), "anyOf": forms}
    return {"$ref": f"#/$defs/{kind.kind}"}


def _bare(kind: type[Choice]) -> Schema:
    """The name alone; null where there is a choice called none."""
    members = list(kind.members.values())
    return _names(members, nullable=kind.find("none") is not None)


def _member(kind: type[Choice], member: type[Choice], definitions: dict[str, Schema]) -> Schema:
    """A choice with settings: a map with its name; a layer's map is known by the key that is called like the layer."""
    schema = _section(member, definitions)
    name = _names([member], nullable=kind.find("none") is member)
    schema["properties"] = {"name": name, **schema["properties"]}
    schema["required"] = [member.name if kind.kind == "layer" else "name"]
    return {"title": member.name, **schema}


def _nameless(kind: type[Choice], definitions: dict[str, Schema]) -> Schema:
    """A map without a name: settings for the choice that the default, or a file below this one, names."""
    taken: dict[str, list[Schema]] = {}
    for member in kind.members.values():
        for key, info in member.model_fields.items():
            schema = _taken(info, definitions)
            if schema not in taken.setdefault(key, []):
                taken[key].append(schema)
    return {
        "type": "object",
        "properties": {key: found[0] if len(found) == 1 else {"anyOf": found} for key, found in taken.items()},
        "not": {"required": ["name"]},
        "additionalProperties": False,
    }


def _names(members: Sequence[type[Choice]], *, nullable: bool) -> Schema:
    """The names and aliases of some choices, as they are written and in any other case and with any separators."""
    spellings = [word for member in members for word in (member.name, *member.aliases)]
    pattern = "|".join(dict.fromkeys(_any_case(word) for word in spellings))
    enum: list[str | None] = [*spellings, None] if nullable else [*spellings]
    return {"anyOf": [{"enum": enum}, {"type": "string", "pattern": f"^{OTHER}({pattern}){OTHER}$"}]}


def _any_case(word: str) -> str:
    return OTHER.join(f"[{letter}{letter.upper()}]" if letter.isalpha() else letter for letter in fold(word))
