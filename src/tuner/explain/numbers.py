"""What the columns of a run's files mean."""

from __future__ import annotations

import re
from inspect import cleandoc

from tuner.options.metrics import Metric
from tuner.options.metrics import column as column_of
from tuner.quantities import EPOCH, LAYER, TIME, WHOLE_RUN

PARTS = {
    "train": "Measured on training samples in evaluation mode, with the weights at the end of the epoch: on as many\n"
    "samples as validation has, at least 1,000, always the same ones. What is worse in val_ than here is overfitting.",
    "val": "Measured on the validation samples, with the weights at the end of the epoch.",
    "test": "Measured on the test samples, once, when the run ends, with the best weights (unless training.test is "
    "ask); it stands in status.json.",
}
FORMS = {
    "last": "Of the last epoch of a run.",
    "epochs": "The first epoch of a run in which the condition holds; a run that never gets there has none.\n"
    "For example epochs(val_accuracy>=0.9), in compare, runs and --require. The lower the better.",
}
_OF_LAYER = re.compile(r"(\([a-z0-9_.]+\))?(@(last|[0-9]+))?")


def columns() -> list[str]:
    """Every column there can be."""
    return [
        *EPOCH,
        *TIME,
        *WHOLE_RUN,
        *LAYER,
        *Metric.members,
        *(f"{part}_{metric}" for part in PARTS for metric in Metric.members),
    ]


def column_text(name: str) -> str | None:
    """What a metric holds: a column, ``COLUMN@last``, ``epochs(...)``, ``activation_std(LAYER)@EPOCH``; else None."""
    number = re.split(r"[(@]", name, maxsplit=1)[0]
    if number in LAYER and _OF_LAYER.fullmatch(name[len(number) :]):
        how = f"Of one layer, in layer_stats.jsonl: `compare --metric '{number}(hidden.0)@0' --direction up` reads it"
        return f"{LAYER[number].help}\n{how};\n@0 is before the first step, @last the last time it was measured."
    if number == "epochs" and name.endswith(")"):
        return FORMS["epochs"]
    column, at, epoch = name.partition("@")
    text = plain_column_text(column)
    if not at:
        return text
    when = FORMS["last"] if epoch == "last" else f"Of epoch {epoch}." if epoch.isdecimal() else ""
    once = column in WHOLE_RUN or column_of(column).part == "test"
    return f"{text}\n{when}" if text and when and not once else None


def plain_column_text(name: str) -> str | None:
    """What a column holds; None where there is no such column."""
    known = {**EPOCH, **TIME, **WHOLE_RUN}
    if name in known:
        return known[name].help
    asked = column_of(name)
    metric = Metric.members.get(asked.name)
    if metric is None:
        return None
    better = "higher" if metric.direction == "up" else "lower"
    texts = [cleandoc(metric.__doc__ or ""), PARTS.get(asked.part, ""), f"The {better} the better."]
    return "\n".join(text for text in texts if text)
