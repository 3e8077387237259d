"""A diff as text for people or as Markdown for a comment."""

from __future__ import annotations

import os
from collections.abc import Collection

from tuner.config.comparison import brief
from tuner.diff import LETTERS, Circumstance, Diff, Side, changes_against_first, listed, warnings_of
from tuner.figures import plural
from tuner.render.diff.lines import Line, Look, is_ready, laid_out, near, setting_lines
from tuner.render.diff.markdown import diff_markdown
from tuner.render.diff.results import course_text, result_text
from tuner.render.text import escape

__all__ = ["Look", "diff_markdown", "diff_text", "side_text", "summary"]

SHORT = {"data_fingerprint": 12, "git_commit": 10}
"""How much of a long number is enough to tell two apart."""


def diff_text(diff: Diff, parts: Collection[str], everything: bool, look: Look) -> str:
    """The sides, what voids a comparison, then the parts asked for; the last line sums up."""
    width = max(len(near(side.path)) for side in diff.sides)
    heads = [f"{LETTERS[index].upper()}  {side_text(side, width)}" for index, side in enumerate(diff.sides)]
    shown = ["\n".join(heads)]
    if len({side.place for side in diff.sides}) == 1:
        return "\n\n".join([*shown, look.sentence(summary(diff, parts), "bold")])
    if warnings := warnings_of(diff):
        shown.append("\n".join(look.sentence(f"warning: {warning}", "yellow") for warning in warnings))
    if "identity" in parts:
        shown.append(_identity(diff, everything, look))
    if "config" in parts:
        shown.append(_config(diff, everything, look))
    if "result" in parts and diff.outcomes:
        shown.append(result_text(diff, look))
        if diff.course is not None:
            shown.append(course_text(diff.course, look))
    shown.append(look.sentence(summary(diff, parts), "bold"))
    return "\n\n".join(filter(None, shown))


def side_text(side: Side, width: int = 0) -> str:
    """``runs/digits-1  run, finished, 5 epochs, seed 0``."""
    path = escape(near(side.path))
    about = [side.kind + ", comes with tuner" * is_ready(side.path)]
    if side.group is not None:
        epochs = max(run.status.get("epoch") or 0 for run in side.runs.values())
        seeds = ", ".join(map(str, list(side.runs)[:8])) + ", ..." * (len(side.runs) > 8)
        about = [f"group of {len(side.runs)}"] if side.kind == "group" else about
        about += [side.group.state, plural(epochs, "epoch"), f"seed{'s' * (len(side.runs) > 1)} {seeds}"]
    return f"{path:<{width}}  {', '.join(about)}"


def _identity(diff: Diff, everything: bool, look: Look) -> str:
    """Circumstances that differ, or all of them; which ones agree stands in the heading."""
    known = [each for each in diff.identity if sum(map(bool, each.values)) > 1]
    if not known:
        return ""
    agreed = [each.name for each in known if not each.differs]
    heading = "identity" + f"  same: {', '.join(agreed)}" * bool(agreed)
    lines = [line for each in known if each.differs or everything for line in _circumstance(each)]
    return laid_out(lines, look, heading, "side") if lines else look.sentence(heading, "dim")


def _circumstance(each: Circumstance) -> list[Line]:
    texts = [", ".join(str(value)[: SHORT.get(each.key)] for value in known) or "-" for known in each.values]
    if not each.differs:
        return [Line(" ", each.name, next(text for text in texts if text != "-"))]
    if len(texts) == 2 and texts[0] != texts[1]:
        return [Line("~", each.name, *map(escape, texts))]
    found: list[Line] = []
    for text in dict.fromkeys(texts):
        holders = ", ".join(LETTERS[index].upper() for index, other in enumerate(texts) if other == text)
        found.append(Line(" " if found else "~", "" if found else each.name, escape(text), note=holders))
    return found


def _config(diff: Diff, everything: bool, look: Look) -> str:
    count = f"{len(diff.changed)} of {plural(len(diff.settings), 'setting')}"
    heading = f"config  {count} differ{'s' * (len(diff.changed) == 1)}"
    lines = setting_lines(diff.settings, diff.sides, everything)
    return laid_out(lines, look, heading, "set in" if len(diff.sides) == 2 else "side (set in)") if lines else ""


def summary(diff: Diff, parts: Collection[str]) -> str:
    """One line: what differs, and what can be said of the results."""
    names = [LETTERS[index].upper() for index in range(len(diff.sides))]
    twins = [f"{names[one]} and {names[other]} are the same {diff.sides[one].kind}" for one, other in diff.twins()]
    if twins:
        return "; ".join(twins)
    said = []
    if "config" in parts:
        said.append(_settings_summary(diff, names))
    if "identity" in parts and "config" not in parts:
        moved = [each.name for each in diff.moved]
        said.append(f"{listed(moved)} differ{'s' * (len(moved) == 1)}" if moved else "the same identity")
    if "result" in parts:
        said += _evidence(diff)
    return "; ".join(said)


def _settings_summary(diff: Diff, names: list[str]) -> str:
    if not diff.changed:
        return f"{listed(names)} have the same settings" + ", seeds apart" * any(s.kind == "group" for s in diff.sides)
    if len(diff.sides) == 2:
        only = diff.changed[0]
        if len(diff.changed) == 1:
            return f"one setting differs: {only.key} {' -> '.join(map(brief, only.values))}"
        return f"{len(diff.changed)} settings differ"
    counts = [changes_against_first(diff, index) for index in range(1, len(names))]
    return "settings that differ from A: " + ", ".join(map("{} {}".format, names[1:], counts))


def _evidence(diff: Diff) -> list[str]:
    """What figures side by side do not say."""
    if not diff.outcomes:
        without = [LETTERS[index].upper() for index, side in enumerate(diff.sides) if not side.runs]
        return [] if without else ["no results yet to compare"]
    groups = [side for side in diff.sides if side.runs]
    if all(len(side.runs) == 1 for side in groups):
        return ["one seed each is no evidence: train with --seeds 6, then tuner compare"]
    places = [os.path.realpath(run.path) for side in groups for run in side.runs.values()]
    if len(set(places)) < len(places):  # a run beside its own group
        return []
    paths = " ".join(escape(side.path) for side in groups)
    return [f"whether it is more than chance: tuner compare {paths}"]
