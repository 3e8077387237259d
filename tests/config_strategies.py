"""Random configs, drawn from the classes of the language itself, for tests of what has to hold for any of them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt, MaxLen, MinLen
from hypothesis import strategies as st
from pydantic.fields import FieldInfo

from tuner.choice import Choice, Section
from tuner.config import Config, Loaded, load, words
from tuner.document import to_yaml
from tuner.errors import ConfigError

Draw = st.DrawFn
MONITORS = ("val_loss", "val_accuracy", "train_loss", "val_r2", "val_mae")
TEXTS = ("a b", "x.y", "no", "1e3", "[*]", 'say "é"', "~", "\\n", "tab\there", "/data/my file.csv")


@st.composite
def configs(draw: Draw) -> dict[str, Any]:
    """Settings as a user might write them. Those that contradict others are left out again by `valid`."""
    settings: dict[str, Any] = draw(_sections(Config))
    settings.get("training", {}).pop("monitor", None)
    if draw(st.booleans()):
        settings.setdefault("training", {})["monitor"] = draw(st.sampled_from(MONITORS))
    return settings


def valid(settings: dict[str, Any], file: Path, above: str = "") -> Loaded:
    """The config of `settings`, less what its faults name; `above` are lines that come first."""
    for _ in range(200):
        file.write_text(above + (to_yaml(settings) if settings else ""))
        try:
            return load(str(file))
        except ConfigError as error:
            for key in {fault.key for fault in error.faults}:
                if key == "loss.name":
                    settings["loss"] = "mse" if "loss" not in settings or settings["loss"] != "mse" else "cross_entropy"
                else:
                    _leave_out(settings, re.split(r"[.\[]", key))
    raise AssertionError(f"no way out: {settings}")


def _leave_out(settings: dict[str, Any], parts: list[str]) -> None:
    """Removes the setting at this path, or the nearest one above it that is there."""
    inner = settings.get(parts[0])
    if isinstance(inner, dict) and len(parts) > 1 and (parts[1] in inner or len(inner) > 1) and parts[1] != "name":
        if parts[1] in inner:
            _leave_out(inner, parts[1:])
        else:
            inner.popitem()
    else:
        settings.pop(parts[0], None) if parts[0] in settings else settings.popitem()


@st.composite
def _sections(draw: Draw, cls: type[Section]) -> dict[str, Any]:
    values = {}
    for key, info in cls.model_fields.items():
        if info.is_required() or draw(st.integers(0, 3 if cls is not Config else 0)) <= 1:
            values[key] = draw(_field(info))
    return values


@st.composite
def _choices(draw: Draw, kind: type[Choice]) -> Any:
    """A choice as a map with its name, or at times, where it has no settings, as the bare name."""
    member = draw(st.sampled_from(list(kind.members.values())))
    values = draw(_sections(member))
    if kind.kind == "layer":
        return values
    return {"name": member.name, **values} if values or draw(st.booleans()) else member.name


def _field(info: FieldInfo) -> st.SearchStrategy[Any]:
    kind, part, listed = (find(info.annotation) for find in (words.family, words.section, words.listed_family))
    if listed is not None:
        return st.lists(_choices(listed), max_size=3)
    if kind is None and part is None:
        return _values(info.annotation, list(info.metadata))
    inner = _choices(kind) if kind is not None else _sections(part) if part is not None else st.nothing()
    return st.one_of(inner, st.just("none")) if words.optional(info.annotation) else inner


def _values(annotation: Any, metadata: list[Any]) -> st.SearchStrategy[Any]:
    """Values of a leaf, most of them small."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        base, *extra = inner
        bounds = [bound for item in extra for bound in (item.metadata if isinstance(item, FieldInfo) else [item])]
        return _values(base, metadata + bounds)
    if origin is Literal:
        return st.sampled_from(inner)
    if origin is list:
        least = next((bound.min_length for bound in metadata if isinstance(bound, MinLen)), 0)
        most = next((bound.max_length for bound in metadata if isinstance(bound, MaxLen)), 3)
        return st.lists(_values(inner[0], []), min_size=least, max_size=min(most, least + 3))
    if inner:
        return st.one_of(*(_values(part, metadata if part is not type(None) else []) for part in inner))
    if annotation is type(None):
        return st.none()
    return st.booleans() if annotation is bool else st.sampled_from(TEXTS) if annotation is str else _numbers(annotation, metadata)


def _numbers(annotation: Any, metadata: list[Any]) -> st.SearchStrategy[Any]:
    low = next((bound.ge if isinstance(bound, Ge) else bound.gt for bound in metadata if isinstance(bound, Ge | Gt)), 0)
    high = next((bound.le if isinstance(bound, Le) else bound.lt for bound in metadata if isinstance(bound, Le | Lt)), low + 40)
    if annotation is int:
        return st.integers(low, min(high, low + 40))
    return st.floats(
        low, min(high, low + 40), exclude_min=any(isinstance(bound, Gt) for bound in metadata),
        exclude_max=any(isinstance(bound, Lt) for bound in metadata), allow_subnormal=False,
    )
