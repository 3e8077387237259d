"""A diff as Markdown: tables, for a comment on a change."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from tuner.config.comparison import ABSENT, Setting, brief
from tuner.diff import LETTERS, Diff, warnings_of
from tuner.render.diff.lines import Look, note_of
from tuner.render.diff.results import HEADING, course_text, delta_text, head_of, heads_of_two, row_of, value_text
from tuner.render.tables import table


def diff_markdown(diff: Diff, parts: Collection[str], everything: bool, last: str, sides: Sequence[str]) -> str:
    """The same as the text. `sides` describe the sides, `last` is the line that sums up."""
    letters = [LETTERS[index].upper() for index in range(len(diff.sides))]
    shown = ["\n".join(f"- **{letter}** {side}" for letter, side in zip(letters, sides, strict=True))]
    shown += [f"> **Warning:** {warning}" for warning in warnings_of(diff)]
    if "identity" in parts:
        rows = [[f"`{each.name}`", *map(_known, each.values)] for each in (diff.identity if everything else diff.moved)]
        shown += [table(["identity", *letters], rows, markdown=True)] if rows else []
    if "config" in parts:
        rows = [row for setting in diff.settings for row in _rows(setting, diff, everything)]
        shown += [table(["setting", *letters, "set in"], rows, markdown=True)] if rows else []
    if "result" in parts and diff.outcomes:
        shown.append(_results(diff))
        if diff.course is not None and (drawn := course_text(diff.course, Look())):
            shown.append(f"```\n{drawn}\n```")
    return "\n\n".join([*shown, f"**{last}**"])


def _known(values: tuple[object, ...]) -> str:
    return ", ".join(f"`{value}`" for value in values) or "-"


def _rows(setting: Setting, diff: Diff, everything: bool) -> Iterator[list[str]]:
    if not (setting.differs or everything):
        return
    values = ["-" if value is ABSENT else f"`{brief(value)}`" for value in setting.values]
    yield [f"`{setting.key}`", *values, note_of(setting, diff.sides, range(len(diff.sides)))]
    if any(isinstance(value, dict) and "name" in value for value in setting.values):
        for inner in setting.inside:
            yield from _rows(inner, diff, everything)


def _results(diff: Diff) -> str:
    shown = diff.with_results()
    if len(shown) == 2:
        rows = [row_of(diff, outcome, shown) for outcome in diff.outcomes]
        return table(heads_of_two(diff, shown), rows, "lrrrl", markdown=True)
    heads = [head_of(diff, index) for index in shown]
    rows = []
    for outcome in diff.outcomes:
        values = [value_text(diff, outcome, index, "±") for index in shown]
        deltas = [delta_text(outcome, index) for index in shown]
        rows.append([outcome.metric, *(f"{v} ({d})" if d else v for v, d in zip(values, deltas, strict=True))])
    return table([HEADING, *heads], rows, "l" + "r" * len(heads), markdown=True)
