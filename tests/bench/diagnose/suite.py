"""The cases of the benchmark of the diagnosis: what is wrong on purpose, the same without it, and what is healthy.

They stand as data in faults.yaml and healthy.yaml. A family is a data set and a kind of fault, or a data set and a kind
of network: its cases are alike, so that a family stands as a whole on one side of the split. The side is a hash of its
name; SALT was the first number under which both sides are large enough, chosen by that alone (`python suite.py WORK`
counts them again), before any threshold was fitted.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import materials

HERE = Path(__file__).parent
SALT, TUNED = 1, 0.6
LEAST_FAULTS, LEAST_HEALTHY = 20, 120
SEEDS = 5
COMMON: dict[str, Any] = {"training.threads": 1, "checkpoint": {"every": 1000, "keep": 1}}
OF_SAMPLES = ("data-label-link", "distribution-shift", "leakage")
"""The causes that lie in the samples where a fault has others than its twin."""
RULES = (
    "invalid-run", "data-label-link", "loss-output-mismatch", "wrong-loss-for-task", "missing-nonlinearity",
    "input-scale", "not-shuffled", "batch-too-large", "batch-too-small", "vanishing-gradient",
    "exploding-gradient", "dead-units", "saturated-units", "symmetric-init", "init-scale",
    "learning-rate-too-high", "learning-rate-too-low", "optimizer-mismatch", "schedule-ends-too-soon",
    "missing-batch-norm", "over-regularised", "too-few-epochs", "early-stop-too-soon", "capacity-too-small",
    "overfitting", "needs-early-stopping", "structure-mismatch", "class-imbalance", "distribution-shift",
    "leakage", "oscillation",
)  # fmt: skip


@dataclass(frozen=True)
class Case:
    """One config and what is known of it. `kind`: fault | twin | healthy | refused; `cause`: the rules that are right
    as the first one; `measure`: what harm is measured on, as `tuner compare --metric` has it."""

    name: str
    kind: str
    family: str
    base: dict[str, Any]
    overrides: tuple[str, ...]
    measure: str
    cause: tuple[str, ...] = ()
    twin: str = ""
    source: str = ""
    seeds: tuple[int, ...] = field(default=tuple(range(SEEDS)))

    @property
    def text(self) -> bytes:
        """The base as a config file."""
        return json.dumps(self.base).encode()

    @cached_property
    def digest(self) -> str:
        """Changes with whatever the case trains."""
        return hashlib.sha256(self.text + json.dumps(self.overrides).encode()).hexdigest()[:16]

    @property
    def data(self) -> str:
        """The data set, by one word."""
        return data_of(self.base)

    @property
    def peers(self) -> tuple[str, str]:
        """What its result can be measured by: configs with the same samples and the same kind of network."""
        limits = [each for each in self.overrides if each.startswith("data.limit")]
        return json.dumps([self.base["data"], limits]), self.family

    @property
    def is_of_samples(self) -> bool:
        """Whether what is wrong are the samples themselves, which no setting puts right."""
        is_other = any(each.startswith("data.path=") for each in self.overrides)
        return is_other and self.cause[0] in OF_SAMPLES

    @property
    def is_tuned(self) -> bool:
        """Whether thresholds may be fitted on it."""
        return side(self.family, SALT) < TUNED


def side(family: str, salt: int) -> float:
    """A number from 0 to 1 that only the name decides."""
    return int.from_bytes(hashlib.sha256(f"{salt} {family}".encode()).digest()[:6]) / 2**48


def read(name: str) -> dict[str, Any]:
    from tuner.document.files import plain

    return plain(HERE / name)


def overrides(settings: dict[str, Any], folder: Path) -> tuple[str, ...]:
    """As `tuner train` takes them; JSON is YAML."""
    return tuple(f"{key}={json.dumps(placed(value, folder))}" for key, value in settings.items())


def placed(value: Any, folder: Path) -> Any:
    """With paths to the data sets, or to what `materials` made in `folder`."""
    if isinstance(value, dict):
        return {key: placed(inner, folder) for key, inner in value.items()}
    if isinstance(value, str) and value.startswith("$TUNER_DATA"):
        return value.replace("$TUNER_DATA", os.environ["TUNER_DATA"])
    return str(folder / value) if isinstance(value, str) and value.endswith((".npz", ".csv")) else value


def data_of(base: dict[str, Any]) -> str:
    """The data set of a base, by one word: mnist-noisy.npz is MNIST."""
    data = base["data"]
    return Path(data["path"]).stem.split("-")[0] if "path" in data else str(data["name"])


def network_of(base: dict[str, Any], hidden: Sequence[int]) -> str:
    """mlp, tower (five hidden layers or more), cnn, rnn or layers."""
    return "tower" if len(hidden) >= 5 else str(base["model"]["name"])


def measure_of(base: dict[str, Any]) -> str:
    return "val_r2@last" if base.get("loss") in ("mse", "huber", "mae") else "val_accuracy@last"


def faults(bases: dict[str, Any], given: dict[str, Any], folder: Path) -> Iterator[Case]:
    for kind in ("fault", "refused"):
        for each in given[f"{kind}s" if kind == "fault" else kind]:
            base, cause = bases[each["twin"]], tuple(each.get("cause", ()))
            yield Case(
                name=each["name"],
                kind=kind,
                family=f"{data_of(base)}/{cause[0] if cause else kind}",
                base=placed(base, folder),
                overrides=overrides({**COMMON, **each["set"]}, folder),
                measure=each.get("measure", measure_of(base)),
                cause=cause,
                twin=f"{each['twin']}-twin",
                source=each.get("from", ""),
            )


def healthy(bases: dict[str, Any], given: dict[str, Any], folder: Path) -> Iterator[Case]:
    shared, taken = given["axes"], {(name, "{}") for name in bases}  # without settings it is the twin
    for entry in given["entries"]:
        axes = [shared[axis] if isinstance(axis, str) else axis for axis in entry["axes"]]
        base = bases[entry["base"]]
        for choices in itertools.product(*(axis.items() for axis in axes)):
            name = "-".join([f"{entry['base']}-", *(word for word, _ in choices)])
            settings = {key: value for _, chosen in choices for key, value in chosen.items()}
            if (entry["base"], repr(settings)) in taken:
                continue
            taken.add((entry["base"], repr(settings)))
            hidden = settings.get("model.hidden", base["model"].get("hidden", ()))
            yield Case(
                name=name,
                kind="healthy",
                family=f"{data_of(base)}/{network_of(base, hidden)}",
                base=placed(base, folder),
                overrides=overrides({**COMMON, **settings}, folder),
                measure=measure_of(base),
                seeds=(0,),
            )


def twins(bases: dict[str, Any], folder: Path) -> Iterator[Case]:
    for name, base in bases.items():
        family = f"{data_of(base)}/{network_of(base, base['model'].get('hidden', ()))}"
        own = placed(base, folder), overrides(COMMON, folder), measure_of(base)
        yield Case(f"{name}-twin", "twin", family, *own)


def cases(work: Path) -> list[Case]:
    """All of them; the files of their data lie in `work`/data once `materials.make` was there."""
    folder, given, sound = (work / "data").absolute(), read("faults.yaml"), read("healthy.yaml")
    bases = {**given["bases"], **sound["bases"]}
    return [*faults(bases, given, folder), *twins(bases, folder), *healthy(bases, sound, folder)]


def sides(found: list[Case], salt: int) -> list[int]:
    """Faults and healthy cases (twins among them) that are tuned on, and those that are held out."""
    trained = [case for case in found if case.kind != "refused"]
    counts = Counter((case.kind == "fault", side(case.family, salt) < TUNED) for case in trained)
    return [counts[True, True], counts[False, True], counts[True, False], counts[False, False]]


def is_large_enough(counts: list[int]) -> bool:
    return min(counts[::2]) >= LEAST_FAULTS and min(counts[1::2]) >= LEAST_HEALTHY


def check(found: list[Case]) -> Iterator[tuple[Case, str]]:
    """What the config language says against a case; "" where it takes it. Raises nothing."""
    from tuner.config.load import load
    from tuner.errors import TunerError

    for case in found:
        try:
            load("bench", case.overrides, given=case.text)
        except TunerError as error:
            yield case, " ".join(str(error).split())
        else:
            yield case, ""


def main() -> None:
    work = Path(sys.argv[1])
    materials.make(work / "data")
    found = cases(work)
    assert len({case.name for case in found}) == len(found), "a name is there twice"
    for case, said in check(found):
        if bool(said) != (case.kind == "refused"):
            print(f"{case.name}: {said or 'was to be refused'}")
    causes = Counter(rule for case in found for rule in case.cause[:1])
    print("kinds:", dict(Counter(case.kind for case in found)), "families:", len({case.family for case in found}))
    print("runs:", sum(len(case.seeds) for case in found if case.kind != "refused"))
    print("rules with fewer than 2 faults:", [rule for rule in RULES if causes[rule] < 2], set(causes) - set(RULES))
    first = next(salt for salt in itertools.count() if is_large_enough(sides(found, salt)))
    print(f"salt {first} is the first that will do, and {SALT} the one in use:", sides(found, SALT))


if __name__ == "__main__":
    main()
