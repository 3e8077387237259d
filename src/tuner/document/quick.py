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


class _Refused(Exception):  # noqa: N818 - never leaves this module
    """The text is not of the simple kind."""


def quick_map(text: str) -> dict[str, Plain] | None:
    """The map in `text`; None where libyaml is missing or the text is unusual or wrong, which `parse` then judges."""
    if not hasattr(yaml, "CSafeLoader") or _UNUSUAL.search(text):
        return None
    try:
        found = _Reader(yaml.CSafeLoader(text)).document()
    except (yaml.YAMLError, ValueError, _Refused):
        return None
    return found if isinstance(found, dict) else None


class _Reader:
    """Builds plain values from libyaml's events."""

    def __init__(self, loader: Any) -> None:
        self.next = loader.get_event
        self.count = 0

    def document(self) -> Plain:
        self.expect(yaml.StreamStartEvent)
        self.expect(yaml.DocumentStartEvent)
        value = self.value(self.next(), 1)
        self.expect(yaml.DocumentEndEvent)
        self.expect(yaml.StreamEndEvent)
        return value

    def expect(self, kind: type[Any]) -> None:
        if not isinstance(self.next(), kind):
            raise _Refused

    def value(self, event: Any, depth: int) -> Plain:
        self.count += 1
        if depth > MAX_DEPTH or self.count > MAX_NODES:
            raise _Refused
        if isinstance(event, yaml.ScalarEvent):
            text: str = event.value
            return text if event.style else core_value(text)
        if isinstance(event, yaml.MappingStartEvent):
            return self.map(depth)
        if isinstance(event, yaml.SequenceStartEvent):
            items = []
            while not isinstance(event := self.next(), yaml.SequenceEndEvent):
                items.append(self.value(event, depth + 1))
            return items
        raise _Refused

    def map(self, depth: int) -> dict[str, Plain]:
        found: dict[str, Plain] = {}
        while not isinstance(event := self.next(), yaml.MappingEndEvent):
            key = self.value(event, depth + 1)
            if not isinstance(key, str) or key in found:
                raise _Refused
            found[key] = self.value(self.next(), depth + 1)
        return found
