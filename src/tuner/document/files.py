"""Files -> text, with every way in which a file is not text named; the maps in files that tuner wrote."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import yaml

from tuner.document.nodes import Map, Place, Plain, core_value, to_plain
from tuner.document.parsing import BREAK, MAX_DEPTH, MAX_NODES, parse
from tuner.errors import ConfigError, Fault, NotFoundError
from tuner.paths import expanded

MAX_BYTES = 1 << 20
_UNUSUAL = re.compile(r"[\t&*!%?|>#`@\\\x7f-\xa0\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]|---|\.\.\.|<<")
"""What tuner writes rarely or never, and where the two parsers or what they allow could part."""

_HANDED_OVER = re.compile(r"-|/dev/stdin|/dev/fd/[0-9]+|/proc/(self|[0-9]+)/fd/[0-9]+")


def is_handed_over(source: str) -> bool:
    """Whether it stands for what the shell has opened: ``-`` (standard input), or what its ``<(command)`` becomes."""
    return _HANDED_OVER.fullmatch(source) is not None


def read_bytes(path: Path) -> bytes:
    """What a file holds, up to a byte more than a config may have. Raises OSError, also for what is no file."""
    try:
        is_stream = path.is_char_device() or is_handed_over(str(path))  # reading another pipe might wait for ever
        if path.exists() and not path.is_file() and not (is_stream and not path.is_dir()):
            raise OSError("it is a folder" if path.is_dir() else "it is a pipe or socket; - reads standard input")
        with path.open("rb") as stream:
            return stream.read(MAX_BYTES + 1)
    except ValueError as error:
        raise OSError(str(error)) from None


def located(text: str, base: Path) -> Path:
    """The file or folder that a path said in a config means: relative to `base`, with ``~`` for the home folder."""
    return Path(os.path.normpath(base / expanded(text)))


def absolute(value: Any, base: Path) -> Any:
    """A path or a list of paths that a config says, as it is stored; what is none comes as it is."""
    if isinstance(value, list):
        return [absolute(each, base) for each in value]
    return str(located(value, base)) if value and isinstance(value, str) else value


def folder_of(path: Path) -> Path:
    """The folder that a file's paths are relative to: absolute, without links, so that ``..`` leads up from it."""
    return Path(os.path.realpath(path.parent))


def decode(data: bytes, shown_as: str) -> str:
    """Text from the bytes of a config: UTF-8, with or without a byte order mark. Raises ConfigError."""
    if len(data) > MAX_BYTES:
        raise ConfigError([Fault("the file is larger than 1 MiB", shown_as, allowed="at most 1 MiB")])
    try:
        return data.removeprefix(b"\xef\xbb\xbf").decode()
    except UnicodeDecodeError as error:
        offset = error.start + len(data) - len(error.object)
        lines = BREAK.split(data[:offset].decode("utf-8-sig"))
        rest = BREAK.split(data[offset:].decode(errors="replace"), maxsplit=1)[0]
        place = Place(shown_as, len(lines), len(lines[-1]) + 1, lines[-1] + rest)
        message = f"not UTF-8: byte 0x{data[offset]:02x} at offset {offset}"
        raise ConfigError([place.fault(message, suggestion="save the file as UTF-8")]) from None


def read_text(path: Path) -> str:
    """The text in the file `path`. Raises NotFoundError where it cannot be read, ConfigError where it is no text."""
    try:
        return decode(read_bytes(path), str(path))
    except OSError as error:
        raise NotFoundError(f"cannot read {path}: {error.strerror or error}") from None


def plain(path: Path, data: bytes | None = None) -> dict[str, Any]:
    """The map in a YAML file that tuner wrote; `data` is what it holds, where it was read before.

    Raises NotFoundError if it is missing or damaged.
    """
    try:
        text = read_text(path) if data is None else decode(data, str(path))
        values = quick_map(text)
        if values is not None:
            return values
        node, faults = parse(text, Place(str(path), 1, 1, base=path.parent))
        if faults:
            raise ConfigError(faults)
    except ConfigError as error:
        raise NotFoundError(f"{path} is damaged: {error.faults[0].message}") from None
    if not isinstance(node, Map):
        raise NotFoundError(f"{path} is damaged: it holds no map")
    return {key: to_plain(value) for key, (_, value) in node.entries.items()}


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """Leaves it to `core_value` what a scalar means."""

    def resolve(self, *_: Any) -> str:
        return ""


def quick_map(text: str) -> dict[str, Plain] | None:
    """The map in `text`, as `parse` reads it and many times faster by libyaml; None where that is missing or the text
    is unusual or wrong, which `parse` then judges."""
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
