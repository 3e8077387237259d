"""Settings that tuner wrote, read by libyaml: the same values as `parse` gives, many times faster."""

from __future__ import annotations

import re
from typing import Any

import yaml

from tuner.document.nodes import Plain
from tuner.document.parsing import MAX_DEPTH, MAX_NODES
from tuner.document.scalars import core_value

_UNUSUAL = re.compile(r"[\t&*!%?|>#`@\\\x7f-\xa0\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]|---|\.\.\.|<<")
"""What tuner writes rarely or never, and where the two parsers or what they allow could part."""


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """Leaves it to `core_value` what a scalar means."""

    yaml_implicit_resolvers: dict[str, Any] = {}


def quick_map(text: str) -> dict[str, Plain] | None:
    """The map in `text`; None where libyaml is missing or the text is unusual or wrong, which `parse` then judges."""
    if not hasattr(yaml, "CSafeLoader") or len(text) > MAX_NODES or _UNUSUAL.search(text):
        return None
    try:
        found = _value(_Loader(text).get_single_node(), 1)
    except (yaml.YAMLError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _value(node: Any, depth: int) -> Plain:
    if node is None or depth > MAX_DEPTH:
        raise ValueError
    if isinstance(node, yaml.ScalarNode):
        return node.value if node.style else core_value(node.value)
    if isinstance(node, yaml.SequenceNode):
        return [_value(each, depth + 1) for each in node.value]
    found: dict[str, Plain] = {}
    for given, value in node.value:
        key = _value(given, depth + 1)
        if not isinstance(key, str) or key in found:
            raise ValueError
        found[key] = _value(value, depth + 1)
    return found
