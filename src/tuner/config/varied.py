"""What the members of a family differ in: keys of the config, the values that a member has of them, and what these are
called. A family varies one of `KINDS`."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from tuner.config.comparison import meaning
from tuner.figures import plural

Key = tuple[int, ...]
"""The values that a member has of the keys that its family varies, in their order."""

SEED, SPLIT, FOLD = "seed", "data.split_seed", "data.fold.index"
_SHORT = {SEED: "seed", SPLIT: "split", FOLD: "fold"}
SEEDS, SPLITS, FOLDS, FOLDS_BY_SEED = KINDS = ((SEED,), (SPLIT, SEED), (FOLD,), (FOLD, SEED))


def column(varies: Sequence[str]) -> str:
    """The head over the labels of members, and the name of what is varied: seed, split, fold."""
    return _SHORT[varies[0]]


def words(varies: Sequence[str]) -> str:
    """What is varied, in a sentence: ``fold and seed``."""
    return column(varies) if tuple(varies) == SPLITS else " and ".join(_SHORT[key] for key in varies)


def label(varies: Sequence[str], key: Key) -> int | str:
    """A member in tables and messages: 2, or ``2, 1`` for the fold and the seed. A split stands for its seed, too."""
    shown = dict.fromkeys(key) if tuple(varies) == SPLITS else key
    return key[0] if len(shown) == 1 else ", ".join(map(str, shown))


def named(varies: Sequence[str], key: Key) -> str:
    """``seed 3``, ``fold 2, 1``."""
    return f"{column(varies)} {label(varies, key)}"


def noun(varies: Sequence[str]) -> str:
    """What a member is: a seed, a split, a fold; of folds by seed a run, for it is neither."""
    return "run" if tuple(varies) == FOLDS_BY_SEED else column(varies)


def counted(varies: Sequence[str], count: int) -> str:
    """``6 seeds``."""
    return plural(count, noun(varies))


def numbered(varies: Sequence[str], number: int) -> Key:
    """The member that ``--seeds`` or ``--splits`` numbers so; () of folds, which do not grow in number."""
    return (number,) * len(varies) if tuple(varies) in (SEEDS, SPLITS) else ()


def as_data(varies: Sequence[str], key: Key) -> dict[str, int]:
    """A member for a program: ``{"fold": 2, "seed": 1}``."""
    return {_SHORT[each]: value for each, value in zip(varies, key, strict=True)}


def labels(varies: Sequence[str], keys: Collection[Key]) -> dict[str, list[int | str]]:
    """Several members for a program: ``{"seeds": [0, 1]}``."""
    return {f"{column(varies)}s": [label(varies, key) for key in keys]}


def folder(varies: Sequence[str], key: Key) -> str:
    """The name of a member's folder: ``seed-3``, ``split-3``, ``fold-2-seed-1``."""
    parts = list(as_data(varies, key).items())[: 1 if tuple(varies) == SPLITS else None]
    return "-".join(f"{name}-{value}" for name, value in parts)


def key_named(varies: Sequence[str], name: str) -> Key | None:
    """The member whose folder is called so."""
    found = tuple(map(int, re.findall("-([0-9]{1,19})(?=-|$)", name)))
    key = found * len(varies) if tuple(varies) == SPLITS else found
    return key if len(key) == len(varies) and folder(varies, key) == name else None


def is_folder(name: str) -> bool:
    """Whether a member may be in a folder of this name."""
    return re.match(r"(seed|split|fold)-[0-9]", name) is not None


def members(varies: Sequence[str], keys: Collection[Key]) -> dict[str, list[str]]:
    """The overrides of each member, by the name of its folder: the `members` of group.json."""
    return {folder(varies, key): [f"{each}={value}" for each, value in zip(varies, key, strict=True)]
            for key in sorted(keys)}  # fmt: skip


def origins(varies: Sequence[str]) -> dict[str, str]:
    """The options of the command line that set a member's values, by key, in the order of `varies`."""
    return {each: "--splits" if tuple(varies) == SPLITS else f"--{_SHORT[each]}s" for each in varies}


def asked_for(varies: Sequence[str], keys: Sequence[Key], config: Mapping[str, Any]) -> list[str]:
    """The options of the command line that ask for these members."""
    words: list[str] = []
    for at, option in enumerate(dict.fromkeys(origins(varies).values())):
        values = dict.fromkeys(str(key[at]) for key in keys)
        listed = ",".join(values) + "," * (len(values) == 1)
        words += [option, str(value_at(config, "data.fold.of")) if option == "--folds" else listed]
    return words


def value_at(config: Mapping[str, Any], key: str) -> Any:
    """A setting by its dotted key; None where there is none."""
    value: Any = config
    for part in key.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def with_values(config: Mapping[str, Any], varies: Sequence[str], key: Key | None) -> dict[str, Any]:
    """The config with a member's values; None: without the keys that are varied."""
    found = dict(config)
    for at, path in enumerate(varies):
        section, _, rest = path.partition(".")
        if rest and isinstance(found.get(section), Mapping):
            found[section] = with_values(found[section], [rest], None if key is None else key[at : at + 1])
        elif not rest and key is not None:
            found[section] = key[at]
        elif not rest:
            found.pop(section, None)
    return found


def shared_test(varies: Sequence[str], config: Mapping[str, Any]) -> str:
    """What to know of splits of a source that has a test part of its own; "" of everything else."""
    data = config.get("data", {})
    if tuple(varies) != SPLITS or ("test" in data and not data.get("test_path")):
        return ""
    only = "only which of the other samples train and which validate varies"
    if not data.get("validation") and data.get("limit") is None:
        only = "the training samples are all the others, too: nothing varies but the seed"
    whose = f"all splits are tested on the same samples, {data.get('name')}'s own test part"
    return f"{whose}, and a verdict on a test metric holds on these; {only}"


def shared(config: Mapping[str, Any], varies: Sequence[str] = SEEDS, *, places: bool = False) -> dict[str, Any]:
    """What the members of a family have in common, of what counts when configs are compared (`places` as there)."""
    return meaning(with_values(config, varies, None), places=places)
