"""data.json: what a run knows of its data, so that its model can be used without reading the data again."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tuner.data.columns import KINDS, Column, features
from tuner.durable.reading import damaged, json_bytes, parse_json, shown
from tuner.errors import NotFoundError
from tuner.runs.files import CONFIG, DATA
from tuner.runs.folder import FORMAT, Run, check_format

if TYPE_CHECKING:
    from tuner.data.splits import Splits


MEASURED = ("mean", "scale", "low", "high")


@dataclass(frozen=True)
class Data:
    """What data.json holds. `shape` is that of one sample as the network is given it, `columns` those of a table where
    they are known, in the order in which they are stored, as the training part fitted them; `parts` maps train,
    validation and test to their ``{"samples": N, "classes": [samples of each class]}``.

    What is predicted is a class, whose names are `classes` in the order of the outputs, or a number (`classes` is ()),
    which the network gives as (number - target_mean) / target_scale. Samples are normalised as (x - mean) / scale:
    `normalize` has ``mean`` and ``scale``, and as ``low`` and ``high`` the smallest and largest stored number of the
    training part, each one number a channel of a picture or a feature of a table or sequence; `normalization` is the
    setting by which they were chosen. `target` is what a table's own column of it is called, "" where it has none.
    """

    shape: tuple[int, ...]
    classes: tuple[str, ...]
    target_mean: float
    target_scale: float
    columns: tuple[Column, ...]
    parts: dict[str, dict[str, Any]]
    target: str
    normalization: str
    normalize: dict[str, tuple[float, ...]]

    @property
    def stored(self) -> tuple[int, ...]:
        """The shape of one sample as it is stored."""
        return (len(self.columns),) if self.columns else self.shape


def data_bytes(splits: Splits, normalize: str) -> bytes:
    """data.json of a run on `splits` whose setting `data.normalize` is `normalize`."""
    known, parts = splits.description, {"train": splits.train, "validation": splits.validation, "test": splits.test}
    counts = {
        name: {"classes": part.counts(len(known.classes))} if known.classes else {} for name, part in parts.items()
    }
    numeric = {"mean": splits.target_mean, "scale": splits.target_scale}
    target = {"classes": known.classes} if known.classes else numeric
    flat = {key: getattr(splits.statistics, key).ravel().tolist() for key in MEASURED}
    return json_bytes(
        {
            "format": FORMAT,
            "shape": known.shape,
            "target": {"name": known.target_name or None, "kind": known.target, **target},
            "columns": [_told(column) for column in known.columns],
            "parts": {name: {"samples": len(part), **counts[name]} for name, part in parts.items()},
            "normalize": {"name": normalize, **flat},
        }
    )


def read_data(run: Run) -> Data:
    """data.json of a run. Raises NotFoundError where it is damaged, or where an older tuner made the run without."""
    file = run.path / DATA
    if not run.has(DATA):
        again = shlex.join(["tuner", "train", str(run.path / CONFIG), "--again"])
        why = "an older tuner made it, which did not keep what its model needs to know"
        raise NotFoundError(f"{shown(run.path)} has no {DATA}: {why}", fix=f"`{again}` trains it anew, with {DATA}.")
    value = parse_json(run.content(DATA), file)
    check_format(value, file)
    try:
        return _checked(value)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise damaged(file, f"it is not what tuner writes ({error})") from None


def _checked(value: dict[str, Any]) -> Data:
    """Raises KeyError, TypeError, ValueError or AttributeError for what `data_bytes` does not give."""
    shape, target, normalize = tuple(value["shape"]), value["target"], value["normalize"]
    if not 1 <= len(shape) <= 3 or not all(type(size) is int and size > 0 for size in shape):
        raise ValueError("shape")
    width = shape[0] if len(shape) != 2 else shape[1]
    classes = _texts(target["classes"]) if target["kind"] == "class" else ()
    columns = tuple(_column(column) for column in value["columns"])
    if (not classes and target["kind"] != "number") or (columns and len(features(columns)) != width):
        raise ValueError("target, columns")
    mean, scale = _numbers([target["mean"], target["scale"]], 2) if not classes else (0.0, 1.0)
    for part in value["parts"].values():
        counts = part.get("classes", [0] * len(classes))
        if len(counts) != len(classes) or any(type(count) is not int for count in (part["samples"], *counts)):
            raise ValueError("parts")
    measured = {key: _numbers(normalize[key], width) for key in MEASURED}
    called, name = _texts([target.get("name") or "", normalize["name"]])
    return Data(shape, classes, mean, scale, columns, value["parts"], called, name, measured)


def _told(column: Column) -> dict[str, Any]:
    """A column as data.json holds it: its name, its kind, what is not as usual, and the inputs made of it."""
    usual = vars(Column(column.name))
    told = {key: value for key, value in vars(column).items() if key in ("name", "kind") or value != usual[key]}
    inputs = [feature.name for feature in column.features]
    return told if inputs == [column.name] else {**told, "inputs": inputs}


def _column(told: dict[str, Any]) -> Column:
    """Raises KeyError, TypeError or ValueError for what `_told` does not give."""
    name, form, *categories = _texts([told["name"], told.get("form", ""), *told.get("categories", ())])
    if told["kind"] not in KINDS:
        raise ValueError("kind")
    fills, unseen = told.get("fills", ()), told.get("unseen", ())
    whole = [told.get("missing", 0), told.get("embedding", 0), *unseen]
    if not all(type(each) is int and each >= 0 for each in whole):
        raise ValueError("a count is no whole number")
    [first] = _numbers([told.get("first", 0.0)], 1)
    return Column(name, told["kind"], tuple(categories), whole[0], whole[1], form,
                  _numbers(fills, len(fills)), first, tuple(unseen), told.get("flagged", True) is True)  # fmt: skip


def _texts(values: Iterable[Any]) -> tuple[str, ...]:
    found = tuple(values)
    if not all(isinstance(each, str) for each in found):
        raise ValueError("a name is no text")
    return found


def _numbers(values: Sequence[Any], count: int) -> tuple[float, ...]:
    if len(values) != count or not all(type(each) in (int, float) for each in values):
        raise ValueError(f"not {count} numbers")
    return tuple(map(float, values))
