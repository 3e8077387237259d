"""What a message says about a key or a value: what is allowed, which name was probably meant."""

from __future__ import annotations

import math
import re
import types
from collections.abc import Iterable
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt, MaxLen, MinLen
from pydantic.fields import FieldInfo

from tuner.choice import Choice, Section, fold
from tuner.durable import NAME_PATTERN

OTHER_TOOLS = {
    "learningrate": "optimizer.lr",
    "lr0": "optimizer.lr",
    "baselr": "optimizer.lr",
    "maxlr": "optimizer.lr",
    "eta": "optimizer.lr",
    "wd": "optimizer.weight_decay",
    "l2": "optimizer.weight_decay",
    "beta1": "optimizer.betas",
    "beta2": "optimizer.betas",
    "numtrainepochs": "training.epochs",
    "maxepochs": "training.epochs",
    "numepochs": "training.epochs",
    "nepochs": "training.epochs",
    "maxepoch": "training.epochs",
    "perdevicetrainbatchsize": "training.batch_size",
    "trainbatchsize": "training.batch_size",
    "batch": "training.batch_size",
    "bs": "training.batch_size",
    "minibatch": "training.batch_size",
    "gradclip": "training.gradient_clip",
    "clipgrad": "training.gradient_clip",
    "clipgradnorm": "training.gradient_clip",
    "maxgradnorm": "training.gradient_clip",
    "gradientclipval": "training.gradient_clip",
    "clipnorm": "training.gradient_clip",
    "numthreads": "training.threads",
    "accelerator": "training.device",
    "metricforbestmodel": "training.monitor",
    "randomseed": "seed",
    "randomstate": "seed",
    "manualseed": "seed",
    "criterion": "loss",
    "lossfunction": "loss",
    "lossfn": "loss",
    "lrscheduler": "scheduler",
    "schedule": "scheduler",
    "lrschedulertype": "scheduler",
    "warmup": "scheduler.warmup_epochs",
    "earlystop": "early_stopping",
    "arch": "model",
    "network": "model",
    "architecture": "model",
    "nonlinearity": "model.activation",
    "act": "model.activation",
    "init": "model.initializer",
    "weightsinitializer": "model.initializer",
    "kernelinitializer": "model.initializer",
    "batchnorm": "model.batch_norm",
    "bn": "model.batch_norm",
    "norm": "model.batch_norm",
    "droprate": "model.dropout",
    "dropoutrate": "model.dropout",
    "hiddensizes": "model.hidden",
    "hiddenlayersizes": "model.hidden",
    "hiddensize": "model.hidden",
    "hiddendims": "model.hidden",
    "dataset": "data",
    "datadir": "data.root",
    "dataroot": "data.root",
    "valsplit": "data.validation",
    "validationsplit": "data.validation",
    "valfraction": "data.validation",
    "testsplit": "data.test",
    "testsize": "data.test",
    "augmentation": "data.augment",
    "transforms": "data.augment",
    "standardize": "data.normalize",
    "type": "name",
    "saveevery": "checkpoint.every",
    "savetopk": "checkpoint.keep",
    "savetotallimit": "checkpoint.keep",
    "base": "extends",
    "inherits": "extends",
    "defaults": "extends",
    "experiment": "name",
    "runname": "name",
    "patience": "early_stopping.patience",
    "mindelta": "early_stopping.min_delta",
    "optim": "optimizer",
    "optimiser": "optimizer",
    "lrdecay": "scheduler",
    "activationfunction": "model.activation",
    "dropoutprob": "model.dropout",
    "pdropout": "model.dropout",
    "usebatchnorm": "model.batch_norm",
    "filters": "model.channels",
    "outchannels": "model.channels",
    "kernel": "model.kernel_size",
    "labelnoiserate": "data.label_noise",
    "gpu": "training.device",
    "gpus": "training.device",
    "iterations": "training.epochs",
    "niter": "training.epochs",
    "maxiter": "training.epochs",
    "trainer": "training",
    "epsilon": "optimizer.eps",
    "lrmax": "optimizer.lr",
    "learningrateinit": "optimizer.lr",
    "opt": "optimizer",
    "optfunc": "optimizer",
    "solver": "optimizer",
    "sched": "scheduler",
    "lossfunc": "loss",
    "drop": "model.dropout",
    "smoothing": "loss.label_smoothing",
    "validpct": "data.validation",
    "validationfraction": "data.validation",
    "niternochange": "early_stopping.patience",
    "tol": "early_stopping.min_delta",
    "minlearningrate": "scheduler.min_lr",
    "validationmetric": "training.monitor",
    "seedeverything": "seed",
    "classpath": "name",
    "target": "name",
}
"""Keys that other tools use, folded, and where tuner keeps the same thing."""

USUAL = ("adam", "sgd", "cosine", "step", "cross_entropy", "mse", "mlp", "cnn", "blobs", "digits", "leaky_relu")
"""The choices that come first where several would do."""

LONGEST_WORD = 64
"""Letters of a word that can be a slip for another."""

PATTERNS = {
    r"^(auto|cpu|cuda(:[0-9]+)?)$": "one of auto, cpu, cuda, cuda:N",
    NAME_PATTERN: "1 to 64 letters, digits, dots, dashes, underscores, no dot or dash first",
}
"""What the patterns of the language mean, in words."""

PATTERN_WORDS = ("auto", "cpu", "cuda")
"""The words among what the patterns allow."""


def nearest(word: str, candidates: Iterable[str], cutoff: float = 0.7) -> str | None:
    """The candidate that was probably meant, or None."""
    if len(word) > LONGEST_WORD:
        return None
    by_fold = {fold(candidate): candidate for candidate in candidates}
    if fold(word) in by_fold:
        return by_fold[fold(word)]
    close = get_close_matches(fold(word), by_fold, n=1, cutoff=cutoff)
    return by_fold[close[0]] if close else None


def owners(kind: type[Choice], key: str) -> list[str]:
    """The choices of this kind that have a setting `key`, the usual ones first."""
    having = [member.name for member in kind.members.values() if key in member.model_fields]
    return sorted(having, key=lambda name: USUAL.index(name) if name in USUAL else len(USUAL))


def family(annotation: Any) -> type[Choice] | None:
    """The kind of choice that a field holds (also ``Kind | None``), or None."""
    for part in _parts(annotation):
        if isinstance(part, type) and issubclass(part, Choice):
            return part
    return None


def section(annotation: Any) -> type[Section] | None:
    """The plain section that a field holds (also ``Section | None``), or None."""
    for part in _parts(annotation):
        if isinstance(part, type) and issubclass(part, Section) and not issubclass(part, Choice):
            return part
    return None


def listed_family(annotation: Any) -> type[Choice] | None:
    """The kind of choice that a field holds a list of, or None."""
    return family(get_args(annotation)[0]) if get_origin(annotation) is list else None


def holds_path(annotation: Any) -> bool:
    """Whether a field holds a path: text that is marked with `Path`."""
    if get_origin(annotation) in (Union, types.UnionType):
        return any(holds_path(part) for part in get_args(annotation))
    return get_origin(annotation) is Annotated and Path in get_args(annotation)


def optional(annotation: Any) -> bool:
    """Whether a field may be null."""
    return type(None) in _parts(annotation)


def options(field: FieldInfo) -> list[str]:
    """The words that a field may be."""
    found = [str(value) for part in _parts(field.annotation) if get_origin(part) is Literal for value in get_args(part)]
    return found or [*PATTERN_WORDS]


def most(field: FieldInfo) -> float:
    """How many items a field's list may have."""
    extra = [bound for part in get_args(field.annotation) for bound in get_args(part)[1:]]  # Annotated, or null
    unpacked = [bound for item in extra for bound in (item.metadata if isinstance(item, FieldInfo) else [item])]
    found = [bound.max_length for bound in (*field.metadata, *unpacked) if isinstance(bound, MaxLen)]
    return min(found, default=math.inf)


def allowed(field: FieldInfo) -> str:
    """What a field accepts, in words: ``a number > 0``, ``an integer >= 1 or full``, ``one of max, mean``."""
    return _allowed(field.annotation, list(field.metadata))


def allowed_item(field: FieldInfo) -> str:
    """What an item of a field's list accepts, in words."""
    listed = next((part for part in _parts(field.annotation) if get_origin(part) is list), None)
    return _allowed(get_args(listed)[0], []) if listed is not None else allowed(field)


def _parts(annotation: Any) -> list[Any]:
    if get_origin(annotation) in (Union, types.UnionType):
        return [part for arg in get_args(annotation) for part in _parts(arg)]
    if get_origin(annotation) is Annotated:
        return _parts(get_args(annotation)[0])
    return [annotation]


def _allowed(annotation: Any, metadata: list[Any]) -> str:
    origin = get_origin(annotation)
    if origin is Annotated:
        base, *extra = get_args(annotation)
        unpacked = [bound for item in extra for bound in (item.metadata if isinstance(item, FieldInfo) else [item])]
        return _allowed(base, metadata + unpacked)
    if origin in (Union, types.UnionType):
        kinds = sorted(get_args(annotation), key=lambda part: part is type(None))
        return " or ".join(_allowed(part, metadata if part is not type(None) else []) for part in kinds)
    if origin is Literal:
        names = [str(value) for value in get_args(annotation)]
        return names[0] if len(names) == 1 else "one of " + ", ".join(names)
    if origin in (list, tuple):
        return _allowed_list(get_args(annotation)[0], metadata)
    return _allowed_scalar(annotation, metadata)


def _allowed_list(item: Any, metadata: list[Any]) -> str:
    inner = _allowed(item, []).removeprefix("an ").removeprefix("a ")
    plural = re.sub(r"^(\w+)(?<!text)\b", r"\1s", inner)
    low = next((bound.min_length for bound in metadata if isinstance(bound, MinLen)), 0)
    high = next((bound.max_length for bound in metadata if isinstance(bound, MaxLen)), None)
    if low and low == high:
        return f"a list of {low} {plural}"
    return f"a list of {plural}" + (f", at least {low} of them" if low > 1 else ", not empty" if low else "")


def _allowed_scalar(annotation: Any, metadata: list[Any]) -> str:
    if annotation is type(None):
        return "null"
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return a(called(annotation)) if issubclass(annotation, Choice) else "a map"
    if annotation is bool:
        return "true or false"
    if annotation is str:
        pattern = next((part.pattern for part in metadata if getattr(part, "pattern", None)), None)
        return "a path" if Path in metadata else PATTERNS.get(str(pattern), "text")
    word = {int: "an integer", float: "a number"}.get(annotation, str(annotation))
    return f"{word} {_bounds(metadata)}".strip()


def called(kind: type[Choice]) -> str:
    """A kind as sentences call it."""
    return "data source" if kind.kind == "data" else kind.kind


def a(word: str) -> str:
    """The word with its article."""
    return f"an {word}" if word[0] in "aeiou" else f"a {word}"


def _bounds(metadata: list[Any]) -> str:
    low = next((bound for bound in metadata if isinstance(bound, Gt | Ge)), None)
    high = next((bound for bound in metadata if isinstance(bound, Lt | Le)), None)
    left = "" if low is None else f"> {low.gt}" if isinstance(low, Gt) else f">= {low.ge}"
    right = "" if high is None else f"< {high.lt}" if isinstance(high, Lt) else f"<= {high.le}"
    if isinstance(low, Ge) and isinstance(high, Le):
        return f"from {low.ge} to {_power(high.le)}"
    if low is not None and high is not None:
        opening = f"({low.gt}" if isinstance(low, Gt) else f"[{low.ge}"
        closing = f"{high.lt})" if isinstance(high, Lt) else f"{high.le}]"
        return f"in {opening}, {closing}"
    return left or right


def _power(bound: Any) -> str:
    """A bound in words: 9223372036854775807 is 2^63 - 1."""
    if isinstance(bound, int) and bound > 10**15 and (bound + 1).bit_count() == 1:
        return f"2^{bound.bit_length()} - 1"
    return f"{bound:,}" if isinstance(bound, int) else f"{bound:g}"


def elsewhere(key: str, root: type[Section]) -> str | None:
    """Where the language (`root` is its top) keeps what another tool, or another section, calls `key`."""
    if fold(key) in OTHER_TOOLS:
        return OTHER_TOOLS[fold(key)]
    for path in key_paths(root):
        if fold(path.rsplit(".", 1)[-1]) == fold(key):
            return path
    close = nearest(key, OTHER_TOOLS, 0.8)
    return OTHER_TOOLS[close] if close else None


@cache
def key_paths(cls: type[Section], path: str = "") -> tuple[str, ...]:
    """Every key of the language below `cls`, e.g. ``optimizer.lr``, over all choices, each once."""
    paths: dict[str, None] = {}
    for key, info in cls.model_fields.items():
        below = f"{path}.{key}" if path else key
        paths[below] = None
        kind, part = family(info.annotation), section(info.annotation)
        inside: list[type[Section]] = [kind, *kind.members.values()] if kind else [part] if part else []
        for member in inside:
            paths.update(dict.fromkeys(key_paths(member, below)))
    return tuple(paths)
