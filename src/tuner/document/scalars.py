"""What plain scalars mean: the core schema of YAML 1.2, section 10.3.2."""

from __future__ import annotations

import re

MAX_DIGITS = 400
"""A longer number is text: it fits no setting, and reading it takes time that grows with its square."""

NULL = re.compile(r"null|Null|NULL|~|")
TRUE = re.compile(r"true|True|TRUE")
FALSE = re.compile(r"false|False|FALSE")
INT = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
INFINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")


def core_value(text: str) -> bool | int | float | str | None:
    """What a plain scalar means under YAML 1.2's core schema: ``1e-3`` is a number, ``no`` is text, ``017`` is 17."""
    if NULL.fullmatch(text):
        return None
    if TRUE.fullmatch(text):
        return True
    if FALSE.fullmatch(text):
        return False
    if INT.fullmatch(text) and len(text) <= MAX_DIGITS:
        return int(text, 0 if text.startswith(("0o", "0x")) else 10)
    if FLOAT.fullmatch(text) and len(text) <= MAX_DIGITS:
        return float(text)
    if INFINITE.fullmatch(text):
        return float(text.replace(".", ""))
    return text
