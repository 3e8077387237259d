"""card.json: what the data of a run looks like, and how far simple models get on it."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from tuner.data.card.facts import Card, card_of
from tuner.durable.reading import damaged, json_bytes, parse_json
from tuner.runs.files import CARD
from tuner.runs.folder import FORMAT, Run, check_format

if TYPE_CHECKING:
    from tuner.data.splits import Splits


def card_bytes(splits: Splits) -> bytes:
    """card.json of a run on `splits`."""
    return json_bytes({"format": FORMAT, **asdict(splits.card)})


def read_card(run: Run) -> Card | None:
    """card.json of a run; None where an older tuner made the run without. Raises NotFoundError where it is damaged."""
    if not run.has(CARD):
        return None
    file = run.path / CARD
    value = parse_json(run.content(CARD), file)
    check_format(value, file)
    try:
        return card_of(value)
    except (KeyError, TypeError, ValueError) as error:
        raise damaged(file, f"it is not what tuner writes ({error})") from None
