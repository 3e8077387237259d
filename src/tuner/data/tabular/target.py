"""What the target of people's own data is: classes or numbers, and whether anything can be learned of it."""

from __future__ import annotations

from collections.abc import Callable

from tuner.data.columns import Column
from tuner.data.tabular.facts import Seen
from tuner.errors import NotFoundError
from tuner.figures import some


def target_column(
    seen: Seen, unit: str, wrong: Callable[[str, str], NotFoundError], *, is_classes: bool, is_text: bool
) -> Column:
    """The target: categories are its classes. `unit` is what a value belongs to: row, sample.

    Raises what `wrong` makes of a message and a fix where nothing can be learned of it.
    """
    constant = f"in every {unit}: nothing is left to predict"
    if not is_classes and is_text:
        has = f"{seen.categories[0]!r}" if seen.categories else "dates" if seen.kind == "date" else "texts"
        raise wrong(f"the target {seen.name} is to be numbers, and holds {has}", "data.task: classes fits it.")
    if not is_classes:
        if seen.low == seen.high:
            raise wrong(f"the target {seen.name} is {seen.low:g} {constant}", "")
        return Column(seen.name)
    if not seen.categories:
        fix = "data.task: numbers predicts it as a number; or cut it into classes."
        raise wrong(f"the target {seen.name} has {seen.distinct:,} different values, too many for classes", fix)
    if len(seen.categories) < 2:
        raise wrong(f"the target {seen.name} is {seen.categories[0]!r} {constant}", "")
    if alone := [name for name, count in zip(seen.categories, seen.counts, strict=True) if count < 2]:
        told = some([repr(name) for name in alone], 5)
        fix = f"Join it with another class or leave the {unit} out; numbers may want data.task: numbers."
        raise wrong(f"class {told} of {seen.name} has a single {unit}, which cannot both train and test", fix)
    return Column(seen.name, "category", seen.categories)
