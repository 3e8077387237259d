"""The config language as a JSON Schema, for editors: completion, help and warnings while a config is being written.

It accepts whatever `load` accepts, and a little more: what only several settings together show (a choice's settings
under another choice's name, contradictions) is left to `tuner check`. It speaks draft 2020-12 and uses nothing that
draft 7 reads differently.
"""

from __future__ import annotations

from collections.abc import Sequence
from inspect import cleandoc

from tuner.bounds import Null, Part, Schema
from tuner.choice import Choice, Section, fold, kinds_below, setting
from tuner.config.settings import Config
from tuner.config.sweep_settings import Sweep

DRAFT = "https://json-schema.org/draft/2020-12/schema"
OTHER = "[^A-Za-z0-9]*"
"""What may stand between the letters of a name without changing it (see `tuner.choice.fold`)."""

EXTENDS: Schema = {
    "description": "a file, or a list of files, whose settings this one builds on; relative to this file",
    "anyOf": [{"type": "string", "minLength": 1}, {"type": "array", "items": {"type": "string", "minLength": 1}}],
}


class Beside(Section):
    """What a config file may hold beside the settings of a run."""

    sweep: Sweep | None = setting(
        Null(Part(Sweep)), "what `tuner sweep` searches, and how; no run has it", default=None
    )


def json_schema() -> Schema:
    """The schema of a config file."""
    schema = Config.schema()
    schema["properties"] = {"extends": EXTENDS, **schema["properties"], **Beside.schema()["properties"]}
    definitions: dict[str, Schema] = {}
    for kind in (kinds_below(Config) | kinds_below(Beside)).values():
        members = {f"{kind.kind}.{member.name}": _member(kind, member) for member in kind.members.values()}
        forms: list[Schema] = [{"$ref": f"#/$defs/{member}"} for member in members]
        if kind.kind != "layer":  # a layer is always a map with its name; another is a bare name, too, or a map without
            forms = [_names([*kind.members.values()], nullable=kind.find("none") is not None), *forms, _nameless(kind)]
        definitions |= {kind.kind: {"description": cleandoc(kind.__doc__ or ""), "anyOf": forms}, **members}
    return {"$schema": DRAFT, "title": "tuner config", **schema, "$defs": dict(sorted(definitions.items()))}


def _member(kind: type[Choice], member: type[Choice]) -> Schema:
    """A choice with settings: a map with its name; a layer's map is known by the key that is called like the layer."""
    schema = member.schema()
    name = _names([member], nullable=kind.find("none") is member)
    schema["properties"] = {"name": name, **schema["properties"]}
    schema["required"] = [member.name if kind.kind == "layer" else "name"]
    return {"title": member.name, **schema}


def _nameless(kind: type[Choice]) -> Schema:
    """A map without a name: settings for the choice that the default, or a file below this one, names."""
    taken: dict[str, list[Schema]] = {}
    for member in kind.members.values():
        for key, field in member.fields.items():
            schema = field.bound.schema
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
    letters = ([f"[{c}{c.upper()}]" if c.isalpha() else c for c in fold(word)] for word in spellings)
    pattern = "|".join(dict.fromkeys(OTHER.join(each) for each in letters))
    enum: list[str | None] = [*spellings, None] if nullable else [*spellings]
    return {"anyOf": [{"enum": enum}, {"type": "string", "pattern": f"^{OTHER}({pattern}){OTHER}$"}]}
