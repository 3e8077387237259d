"""Conditions on a command line: ``val_accuracy>=0.97``, ``optimizer.name=adam``."""

from __future__ import annotations

import math
import operator
import re
from dataclasses import dataclass
from typing import Any

from tuner.durable.reading import shown
from tuner.errors import UsageError

_OPERATOR = re.compile(r">=|<=|==|!=|>|<|=|≥|≤|≠")
_SPELLINGS = {"==": "=", "≥": ">=", "≤": "<=", "≠": "!="}
_COMPARE = {">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt, "=": operator.eq,
            "!=": operator.ne}  # fmt: skip


@dataclass(frozen=True)
class Condition:
    """`operator` is one of ``>= <= > < = !=``; both sides are text as given, without spaces around."""

    left: str
    operator: str
    right: str

    def __str__(self) -> str:
        return f"{self.left}{self.operator}{self.right}"

    def holds(self, value: float) -> bool:
        """Whether the number `value` on the left side fulfils it. Raises UsageError where the right side is none."""
        return self.compare(value, self.number)

    def compare(self, left: Any, right: Any) -> bool:
        """Whether the operator holds between two numbers or two texts."""
        return bool(_COMPARE[self.operator](left, right))

    @property
    def number(self) -> float:
        """The right side. Raises UsageError."""
        try:
            number = float(self.right)
        except ValueError:
            number = math.nan
        if math.isnan(number):
            raise UsageError(f"in {shown(self)} the right side is not a number: {shown(self.right)}")
        return number


def parse_condition(text: str) -> Condition:
    """Splits at the first operator outside parentheses. Raises UsageError; a condition without an operator is most
    often one whose ``>`` the shell took for itself."""
    depth, place = 0, 0
    while place < len(text):
        depth += {"(": 1, ")": -1}.get(text[place], 0)
        found = _OPERATOR.match(text, place) if depth <= 0 else None
        if found is not None:
            left, right = text[:place].strip(), text[found.end() :].strip()
            if not left or not right:
                break
            return Condition(left, _SPELLINGS.get(found[0], found[0]), right)
        place += 1
    if not _OPERATOR.search(text):
        message = f"{shown(text) or repr(text)} is no condition: there is no operator in it (>=, <=, >, <, =, !=)"
        name = text if re.fullmatch(r"[A-Za-z0-9_.@()]+", text) else "val_accuracy"
        raise UsageError(message, fix=f"A shell takes > and < for itself: put quotes around it, '{name}>=0.97'.")
    raise UsageError(f"{shown(text)} is no condition: one side is missing", fix="val_accuracy>=0.97 is one")


def parse_numeric(text: str) -> Condition:
    """A condition whose right side is a number. Raises UsageError."""
    condition = parse_condition(text)
    _ = condition.number
    return condition
