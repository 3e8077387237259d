"""How many samples each part gets, and what is wrong with that, before they are read."""

from __future__ import annotations

from dataclasses import dataclass

from tuner.data.source import Dataset, DrawnTest


@dataclass(frozen=True)
class Sizes:
    """Samples in each part, known before anything is read."""

    train: int
    validation: int
    test: int


def sizes(dataset: Dataset) -> Sizes:
    """The sizes of the parts; of use where `faults` finds nothing."""
    source, known = dataset.source, dataset.description
    validation = round(source.validation * known.train_samples)
    rest = known.train_samples - validation
    return Sizes(rest if source.limit is None else min(source.limit, rest), validation, known.test_samples)


def faults(dataset: Dataset) -> list[tuple[str, str]]:
    """What is wrong with how the settings split the data, as (key within `data`, message); reads no sample."""
    source, known = dataset.source, dataset.description
    classes, samples = max(len(known.classes), 1), known.train_samples
    found = []
    if isinstance(source, DrawnTest) and source.test and known.test_samples == 0:
        found.append(("test", f"{source.test:g} of {samples:,} samples is none; 0 stands for no test"))
    if samples < classes:
        return [*found, ("test" if known.test_samples else "name", too_few(samples, classes))]
    validation = round(source.validation * samples)
    rest = samples - validation
    if source.validation > 0 and validation == 0:
        found.append(
            ("validation", f"{source.validation:g} of {samples:,} samples is none; 0 stands for no validation")
        )
    if rest < classes:
        found.append(("validation", too_few(rest, classes)))
    elif source.limit is not None and source.limit > rest:
        found.append(("limit", f"more than the {rest:,} training samples there are; null uses them all"))
    elif source.limit is not None and source.limit < classes:
        found.append(("limit", too_few(source.limit, classes)))
    if known.target == "number" and source.order == "by_class":
        found.append(("order", f"{source.name} has numbers to predict, not classes: only `source` goes"))
    if source.label_noise > 0:
        if known.target == "number":
            found.append(("label_noise", f"{source.name} has numbers to predict, not classes: only 0 goes"))
        elif len(known.classes) < 2:
            found.append(("label_noise", "needs at least two classes"))
        elif (count := sizes(dataset).train) > 0 and round(source.label_noise * count) == 0:
            found.append(("label_noise", f"{source.label_noise:g} of {count:,} labels is none"))
    return found


def too_few(samples: int, classes: int) -> str:
    """The message for a training part that cannot hold a sample of every class."""
    if classes == 1:
        return "leaves no training samples"
    return f"leaves {samples:,} training sample{'s' if samples != 1 else ''} for {classes} classes"
