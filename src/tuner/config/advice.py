"""What was probably meant: the one thing to write instead of what is wrong, or None where that is anyone's guess."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tuner.choice import Choice, Section, fold
from tuner.config import words
from tuner.document import Items, Map, Node, Scalar, core_value, shown
from tuner.durable import run_name

OTHER_NAMES: dict[str, dict[str, str]] = {
    "loss": {
        "nll": "cross_entropy",
        "nllloss": "cross_entropy",
        "categoricalcrossentropy": "cross_entropy",
        "sparsecategoricalcrossentropy": "cross_entropy",
        "logistic": "binary_cross_entropy",
        "rmse": "mse",
        "l1": "mae",
        "l2": "mse",
        "svm": "hinge",
    },
    "optimizer": {"momentum": "{name: sgd, momentum: 0.9}", "nesterov": "{name: sgd, momentum: 0.9, nesterov: true}"},
    "scheduler": {
        "cosineannealinglr": "cosine",
        "cosinedecay": "cosine",
        "onecyclelr": "one_cycle",
        "polynomial": "linear",
        "warmup": "{name: none, warmup_epochs: 1}",
    },
    "initializer": {"truncatednormal": "normal", "randomnormal": "normal", "randomuniform": "uniform"},
    "model": {
        "lstm": "{name: rnn, cell: lstm}",
        "gru": "{name: rnn, cell: gru}",
        "perceptron": "mlp",
        "ann": "mlp",
        "nn": "mlp",
        "lenet": "cnn",
    },
    "layer": {
        "linear": "dense",
        "fc": "dense",
        "conv2d": "conv",
        "maxpool": "pool",
        "maxpool2d": "pool",
        "avgpool2d": "{pool: 2, mode: mean}",
        "flatten": "leave it out: dense flattens by itself",
        "relu": "dense and conv have the key activation",
        "lstm": "{rnn: 128, cell: lstm}",
        "gru": "{rnn: 128, cell: gru}",
        "batchnorm": "dense and conv have the key batch_norm",
    },
    "data": {"cifar": "cifar10", "cancer": "breast_cancer", "fashion": "fashion_mnist", "twomoons": "moons"},
}
"""Names that other tools use, folded, by kind, and what to write here."""

OTHER_VALUES = {
    "gpu": "cuda",
    "mps": "cpu",
    "average": "mean",
    "avg": "mean",
    "zscore": "standard",
    "all": "full",
    "random": "source",
}
"""Values that other tools use, folded, and what to write here where it is allowed."""

YES = ("yes", "on", "y", "1", "true")
NO = ("no", "off", "n", "0", "false")


def meant_choice(kind: type[Choice], name: str) -> str | None:
    """What to write for a name that no choice of this kind has, or None."""
    known = OTHER_NAMES.get(kind.kind, {})
    close = words.nearest(name, [word for member in kind.members.values() for word in (member.name, *member.aliases)])
    member = kind.find(close) if close else None
    return known.get(fold(name)) or (member.name if member else None)


def one_of(kind: type[Choice], node: Node) -> str:
    """What to write for a list where one choice is expected."""
    only = kind.find(shown(node.nodes[0])) if isinstance(node, Items) and len(node.nodes) == 1 else None
    return only.name if only else f"one of {', '.join(kind.members)}"


def name(kind: type[Choice], given: str) -> str | None:
    """What to write for a name that no choice of a kind has."""
    if given == "none":
        return "leave it out for the default"
    return _spaced(given) if re.match(r"\w+:\S", given) else meant_choice(kind, given)


def section(cls: type[Section], node: Node, optional: bool) -> str | None:
    """What to write for a value where the map of a section is expected."""
    if not isinstance(node, Scalar):
        return None
    if node.value is None:
        return "leave it out for the defaults"
    if optional and (node.value is False or node.text.lower() in NO):
        return "none"
    first = next(iter(cls.model_fields))
    return f"{{{first}: {node.text if node.value is not True else cls.model_fields[first].default}}}"


def nameless(kind: type[Choice], node: Node) -> str:
    """What to write for a choice of a list that lacks its name."""
    entries = node.entries if isinstance(node, Map) else {}
    for given, (_, inner) in entries.items():
        if member := kind.find(given):
            rest = shown(inner).strip("{}") if isinstance(inner, Map) else ""
            return f"{{name: {member.name}{', ' * bool(rest)}{rest}}}"
    owners = [owner for given in entries for owner in words.owners(kind, given)]
    return f"{{name: {owners[0]}, {shown(node).strip('{}')}}}" if owners else f"name: one of {', '.join(kind.members)}"


def key(given: str, cls: type[Section], keys: Sequence[str], root: type[Section]) -> str | None:
    """What to write for a key that a section or choice, whose keys are `keys`, does not have."""
    if given.rstrip() != given or given.lstrip() != given:
        return given.strip()
    if ":" in given:
        return _spaced(given)
    if given in words.key_paths(root):
        return f"{given.replace('.', ': {')}: ...{'}' * given.count('.')}"
    if "[" in given:
        return "give the whole list: an override replaces it"
    if issubclass(cls, Choice) and cls.kind == "layer":
        other = cls.find(given)
        if other or fold(given) in OTHER_NAMES["layer"]:
            return f"a layer of its own: {layer(other.name if other else OTHER_NAMES['layer'][fold(given)])}"
    elif issubclass(cls, Choice) and (owners := words.owners(cls, given)):
        return f"leave it out, or name: {owners[0]}"
    known = words.OTHER_TOOLS.get(fold(given), "")
    if known.rpartition(".")[2] in keys:
        return known.rpartition(".")[2]
    return known or words.nearest(given, keys) or words.elsewhere(given, root)


def layer(meant: str | None) -> str:
    """What to write for something in `model.layers` that is no layer."""
    return f"{{{meant}: 32}}" if meant and meant.isidentifier() else meant or "{dense: 32}"


def value(allowed: str, node: Node) -> str | None:
    """What to write for a value that is not what is `allowed`."""
    if isinstance(node, Map):
        return None
    if not isinstance(node, Scalar):
        return shown(node.nodes[0]) if len(node.nodes) == 1 and not allowed.startswith("a list") else None
    if allowed.startswith("a list"):
        return _as_list(node)
    if isinstance(node.value, str):
        return _text(allowed, node.value)
    if isinstance(node.value, float) and node.value.is_integer() and "integer" in allowed:
        return f"{node.value:.0f}" if abs(node.value) < 1e15 else None
    if node.value is False:
        return next(
            (word for word, sign in (("none", "none"), ("0", "number"), ("null", "null")) if sign in allowed), None
        )
    if node.value in (0, 1) and not isinstance(node.value, bool) and "true or false" in allowed:
        return "true" if node.value else "false"
    if isinstance(node.value, int | float) and "text" in allowed:
        return f'"{node.text}"'
    return None


def _spaced(text: str) -> str:
    """``lr:0.1`` as it was meant."""
    first, _, rest = text.split(maxsplit=1)[0].partition(":")
    return f"{first}: {rest}, with a space after the colon"


def _as_list(node: Scalar) -> str | None:
    """The list that a lone value stands for: ``128``, ``128, 64`` and ``128 64`` are all lists to someone."""
    if isinstance(node.value, bool):
        return None
    if node.value is None or node.value == "none":
        return "[]"
    parts = [part for part in re.split(r"[,\s]+", node.text.strip("()")) if part]
    return f"[{', '.join(parts)}]" if parts and len(node.text) <= 60 else None


def _text(allowed: str, text: str) -> str | None:
    """What to write for a text where something else is allowed."""
    lower = text.lower()
    if "true or false" in allowed and lower in (*YES, *NO):
        return "true" if lower in YES else "false"
    if lower in ("none", "nil", "nan", "-", "auto", "n/a") and re.search(r"\bnull\b", allowed):
        return "null"
    if "number" in allowed or "integer" in allowed:
        number = _number(lower, whole="number" not in allowed)
        if number is not None:
            return number
    if allowed.startswith("1 to 64 letters"):
        return run_name(text)
    offered = [word for word in re.split(r", | or ", allowed.removeprefix("one of ")) if " " not in word]
    if lower in NO and "none" in offered:
        return "none"
    known = OTHER_VALUES.get(fold(text))
    return known if known in offered else words.nearest(text, offered)


def _number(text: str, whole: bool) -> str | None:
    """The number that a text was meant to be: ``"0.1"``, ``10_000``, ``5%``, ``no``, ``1/3``."""
    if text in ("no", "off", "none", "false", "never"):
        return "0"
    if isinstance(core_value(text), int | float):
        return f"{text} without quotes"
    plain = re.sub(r"(?<=\d)[_,](?=\d{3}\b)", "", text.replace("_", ","))
    if re.fullmatch(r"\d+", plain):
        return plain
    if percent := re.fullmatch(r"(\d+(?:\.\d+)?) ?%", text):
        return f"{float(percent[1]) / 100:g}"
    if fraction := re.fullmatch(r"(\d{1,6})/(\d{1,6})", text):
        return f"{int(fraction[1]) / int(fraction[2]):.4g}" if int(fraction[2]) and not whole else None
    if decimal := re.fullmatch(r"(\d+),(\d+)", text):
        return f"{decimal[1]}.{decimal[2]}"
    return None
