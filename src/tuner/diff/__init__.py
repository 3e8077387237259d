"""In what runs, groups of runs and configs differ: settings, circumstances, results. Plain data; nothing is judged."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from tuner.config.comparison import Setting
from tuner.diff.circumstances import Circumstance, circumstances_of
from tuner.diff.outcomes import Course, Outcome, course_of, outcomes_of
from tuner.diff.sides import DEFAULT, LETTERS, Side, find_sides, settings_of
from tuner.diff.telling import as_data, changes_against_first, listed, warnings_of

__all__ = [
    "DEFAULT",
    "LETTERS",
    "PARTS",
    "Circumstance",
    "Course",
    "Diff",
    "Outcome",
    "Setting",
    "Side",
    "as_data",
    "changes_against_first",
    "compare_sides",
    "find_sides",
    "is_ignored",
    "listed",
    "warnings_of",
]

PARTS = ("config", "identity", "result")


@dataclass(frozen=True)
class Diff:
    """Several sides and what is known of them; all of it, also what does not differ."""

    sides: list[Side]
    settings: list[Setting]
    identity: list[Circumstance]
    outcomes: list[Outcome]
    course: Course | None
    unused: tuple[str, ...] = ()  # patterns of --ignore that fit nothing

    @property
    def changed(self) -> list[Setting]:
        return [setting for setting in self.settings if setting.differs]

    @property
    def moved(self) -> list[Circumstance]:
        """The circumstances that differ."""
        return [each for each in self.identity if each.differs]

    def same(self, parts: Collection[str] = ("config", "identity")) -> bool:
        """Whether nothing in these of `PARTS` differs. A git commit is no part of a run's identity."""
        results = any(value != outcome.values[0] for outcome in self.outcomes for value in outcome.values)
        differs = {
            "config": bool(self.changed),
            "identity": any(each.key != "git_commit" for each in self.moved),
            "result": results,
        }
        return not any(differs[part] for part in parts)

    def with_results(self) -> list[int]:
        """The sides that have a value of any metric."""
        places = range(len(self.sides))
        return [index for index in places if any(outcome.values[index] is not None for outcome in self.outcomes)]

    def twins(self) -> list[tuple[int, int]]:
        """Sides that are one and the same run, group or file."""
        places = [side.place for side in self.sides]
        return [(places.index(place), index) for index, place in enumerate(places) if places.index(place) < index]


def compare_sides(sides: list[Side], ignore: Sequence[str] = ()) -> Diff:
    """What differs, but for the settings and circumstances that a pattern of `ignore` fits."""
    settings, identity = settings_of(sides), circumstances_of(sides)
    keys = [*_keys(settings), *(each.key for each in identity)]
    unused = tuple(pattern for pattern in ignore if not any(is_ignored(key, [pattern]) for key in keys))
    identity = [each for each in identity if not is_ignored(each.key, ignore)]
    return Diff(sides, _without(settings, ignore), identity, outcomes_of(sides), course_of(sides), unused)


def is_ignored(key: str, patterns: Sequence[str]) -> bool:
    """Whether a pattern fits the key, or one that it is a part of."""
    parts = key.split(".")
    keys = [".".join(parts[:end]) for end in range(1, len(parts) + 1)]
    return any(fnmatchcase(each, pattern) for each in keys for pattern in patterns)


def _without(settings: Sequence[Setting], patterns: Sequence[str]) -> list[Setting]:
    """The settings that no pattern fits; a switched choice goes with its name, or with all that is inside it."""
    kept = []
    for setting in settings:
        inside = _without(setting.inside, patterns)
        gone = setting.inside and (not inside or is_ignored(f"{setting.key}.name", patterns))
        if not gone and not is_ignored(setting.key, patterns):
            kept.append(Setting(setting.key, setting.values, tuple(inside)))
    return kept


def _keys(settings: Sequence[Setting]) -> list[str]:
    """All that a pattern may fit, the names of switched choices included."""
    keys = []
    for setting in settings:
        keys += [setting.key, f"{setting.key}.name", *_keys(setting.inside)] if setting.inside else [setting.key]
    return keys
