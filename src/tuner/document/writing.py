"""Plain values -> YAML text that reads back to the same values."""

from __future__ import annotations

import math
import re
from typing import Any

import yaml

from tuner.document.nodes import FALSE, FLOAT, INFINITE, INT, NULL, TRUE, core_value


class _Dumper(yaml.SafeDumper):
    """Writes by the core schema, so that text which looks like a number is quoted; keeps short lists on one line."""

    yaml_implicit_resolvers: dict[str, Any] = {}

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - a list that stands in two places is written twice
        return True


_TAG = "tag:yaml.org,2002:"
_Dumper.add_representer(float, lambda dumper, number: dumper.represent_scalar(
    f"{_TAG}float", repr(number).replace("inf", ".inf").replace("nan", ".nan")))  # fmt: skip
_Dumper.add_representer(str, lambda dumper, text: dumper.represent_scalar(
    f"{_TAG}str", text, style=None if text.isprintable() else '"'))  # only these quotes keep line breaks  # fmt: skip
_Dumper.add_representer(list, lambda dumper, items: dumper.represent_sequence(
    f"{_TAG}seq", items, flow_style=all(not isinstance(item, dict | list) for item in items)))  # fmt: skip
for _tag, *_patterns in (("null", NULL), ("bool", TRUE, FALSE), ("int", INT), ("float", FLOAT, INFINITE),
                         ("merge", re.compile("<<"))):  # fmt: skip
    for _pattern in _patterns:
        _Dumper.add_implicit_resolver(f"{_TAG}{_tag}", re.compile(rf"(?:{_pattern.pattern})\Z"), None)


class _Quick(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]
    """The same by libyaml, of what both write alike."""

    yaml_implicit_resolvers, yaml_representers = _Dumper.yaml_implicit_resolvers, _Dumper.yaml_representers
    ignore_aliases = _Dumper.ignore_aliases


def to_yaml(values: dict[str, Any], width: int = 120) -> str:
    """YAML text that `parse` reads back to the same values (text without NUL and surrogates, numbers of at most
    MAX_DIGITS digits); long texts are broken at `width`."""
    shown = repr(values)  # of other signs, escapes and an empty key libyaml makes other lines
    is_usual = shown.isascii() and "\\" not in shown and "'': " not in shown
    dumper = _Quick if is_usual else _Dumper
    text: str = yaml.dump(values, Dumper=dumper, sort_keys=False, allow_unicode=True, width=width)
    return text


def flow(value: Any) -> str:
    """A value as YAML on one line, for people to read."""
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key}: {flow(item)}' for key, item in value.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(flow, value))}]"
    if type(value) is int or (type(value) is float and math.isfinite(value)):
        return repr(value)  # what to_yaml writes, at once
    return to_yaml({"x": value}, 1 << 30).partition(": ")[2].strip()


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
    letters = []
    for letter in text:
        code = ord(letter)
        escape = f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
        letters.append(letter if letter.isalnum() or letter in "_./-+=,:@%" else escape)
    return f'"{"".join(letters)}"'
