"""Plain values -> YAML text that reads back to the same values."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

import yaml

from tuner.document.scalars import FALSE, FLOAT, INFINITE, INT, NULL, TRUE, core_value


class _Dumper(yaml.SafeDumper):
    """Writes by the core schema, so that text which looks like a number is quoted; keeps short lists on one line."""

    yaml_implicit_resolvers: dict[str, Any] = {}

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - a list that stands in two places is written twice
        return True


def _represent_float(dumper: yaml.SafeDumper, number: float) -> yaml.ScalarNode:
    text = repr(number)
    return dumper.represent_scalar("tag:yaml.org,2002:float", text.replace("inf", ".inf").replace("nan", ".nan"))


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    # Only double quotes keep every line break there is as it is.
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=None if text.isprintable() else '"')


def _represent_list(dumper: yaml.SafeDumper, items: Sequence[Any]) -> yaml.SequenceNode:
    flat = all(not isinstance(item, dict | list) for item in items)
    return dumper.represent_sequence("tag:yaml.org,2002:seq", items, flow_style=flat)


_Dumper.add_representer(float, _represent_float)
_Dumper.add_representer(str, _represent_text)
_Dumper.add_representer(list, _represent_list)
for _tag, _pattern in (
    ("null", NULL),
    ("bool", TRUE),
    ("bool", FALSE),
    ("int", INT),
    ("float", FLOAT),
    ("float", INFINITE),
    ("merge", re.compile("<<")),
):
    _anchored = re.compile(rf"(?:{_pattern.pattern})\Z")
    _Dumper.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", _anchored, None)


def to_yaml(values: dict[str, Any], width: float = 120) -> str:
    """YAML text that `parse` reads back to the same values (text without NUL and surrogates, numbers of at most
    MAX_DIGITS digits); long texts are broken at `width`."""
    text: str = yaml.dump(values, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=width)
    return text


def flow(value: Any) -> str:
    """A value as YAML on one line, for people to read."""
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key}: {flow(item)}' for key, item in value.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(flow, value))}]"
    if type(value) is int or (type(value) is float and math.isfinite(value)):
        return repr(value)  # what to_yaml writes, at once
    return to_yaml({"x": value}, math.inf).partition(": ")[2].strip()


def word(value: Any) -> str:
    """A value as YAML without white space, quotes that a shell would need and characters that it expands, brackets
    apart: it passes through ``$(...)`` as one argument."""
    if isinstance(value, dict):
        return f"{{{','.join(f'{_quoted(key)}:{word(item)}' for key, item in value.items())}}}"
    if isinstance(value, list):
        return f"[{','.join(map(word, value))}]"
    if isinstance(value, str):
        plain = re.fullmatch(r"[A-Za-z_/][A-Za-z0-9_./-]*", value) and core_value(value) == value
        return value if plain else _quoted(value)
    return flow(value)


def _quoted(text: str) -> str:
    """A double-quoted scalar in which everything but letters, digits and harmless signs is an escape."""
    return f'"{"".join(c if c.isalnum() or c in _HARMLESS else _escaped(ord(c)) for c in text)}"'


def _escaped(code: int) -> str:
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


_HARMLESS = "_./-+=,:@%"
