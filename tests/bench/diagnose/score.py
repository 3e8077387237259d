"""How good a diagnosis is, on the runs that train.py made.

    TUNER_DATA=... python tests/bench/diagnose/score.py WORK [--by diagnose tree published] [--json] [--show-hold-out]

Truth is what was done to the config, where it did harm, and what the results say (labels.py). Rates of runs come with
Wilson's 95 % interval, which takes runs for independent: five seeds of a config are not quite. The part that thresholds
were fitted on and the part held out are told apart; misses and false alarms of the second are not listed unless asked
for, since a threshold that was chosen with them in view would make it a part of the first.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from labels import Harm, Result, bad_on_training, by_case, harms, results, unharmed, unhealthy
from suite import RULES, Case, cases

OVERFIT = ("overfitting", "needs-early-stopping")
STABLE = 4
Z = 1.959964
"""The 97.5 % point of the normal distribution."""
PARTS = {"tune": True, "hold-out": False}
Diagnosis = Callable[[Sequence["Judged"]], None]


@dataclass
class Judged:
    """A run, what is true of it, and the rules that a diagnosis found, likeliest first. A healthy run has no cause."""

    result: Result
    is_bad_on_training: bool
    found: tuple[str, ...] = ()
    seconds: float | None = None

    @property
    def case(self) -> Case:
        return self.result.case

    @property
    def is_right(self) -> bool:
        return bool({*self.found[:1]} & {*self.case.cause})


@dataclass(frozen=True)
class Share:
    """A share of runs or of configs."""

    count: int
    of: int

    def __str__(self) -> str:
        if not self.of:
            return "-"
        low, high = wilson(self.count, self.of)
        return f"{self.count / self.of:.1%} ({self.count} of {self.of}; {low:.1%} to {high:.1%})"

    def plain(self) -> dict[str, Any]:
        low, high = wilson(self.count, self.of) if self.of else (None, None)
        return {**asdict(self), "share": self.count / self.of if self.of else None, "low": low, "high": high}


def wilson(count: int, of: int) -> tuple[float, float]:
    """The 95 % interval of a share. Source: Wilson (1927), "Probable Inference, the Law of Succession, and Statistical
    Inference", Journal of the American Statistical Association 22."""
    share, weight = count / of, Z * Z / of
    middle = (share + weight / 2) / (1 + weight)
    half = Z / (1 + weight) * math.sqrt(share * (1 - share) / of + weight / (4 * of))
    return max(0.0, middle - half), min(1.0, middle + half)


def share(runs: Iterable[Judged], holds: Callable[[Judged], bool]) -> Share:
    told = [holds(run) for run in runs]
    return Share(sum(told), len(told))


def share_of_configs(runs: Iterable[Judged], holds: Callable[[Judged], bool]) -> Share:
    """Of the configs, those of which it holds for most of their runs."""
    configs: dict[str, list[bool]] = {}
    for run in runs:
        configs.setdefault(run.case.name, []).append(holds(run))
    return Share(sum(2 * sum(told) > len(told) for told in configs.values()), len(configs))


def measures(judged: Sequence[Judged]) -> dict[str, Share]:
    """All of them; `judged` holds harmful faults and healthy runs."""
    faults = [run for run in judged if run.case.kind == "fault"]
    healthy = [run for run in judged if run.case.kind != "fault"]
    return {
        "healthy runs with a finding": share(healthy, lambda run: bool(run.found)),
        "healthy configs with a finding": share_of_configs(healthy, lambda run: bool(run.found)),
        "faulty runs with a finding": share(faults, lambda run: bool(run.found)),
        "faulty configs with a finding": share_of_configs(faults, lambda run: bool(run.found)),
        "right cause first": share(faults, lambda run: run.is_right),
        "right cause among the first three": share(faults, lambda run: bool({*run.found[:3]} & {*run.case.cause})),
        "findings of the first three that are right": printed(judged),
        "bad on training data, called overfitting": share(
            (run for run in faults if run.is_bad_on_training), lambda run: bool({*run.found[:1]} & {*OVERFIT})
        ),
        "faults with the same first cause in 4 of 5 seeds": stable(faults),
    }  # fmt: skip


def printed(judged: Iterable[Judged]) -> Share:
    told = [rule in run.case.cause for run in judged for rule in run.found[:3]]
    return Share(sum(told), len(told))


def stable(faults: Iterable[Judged]) -> Share:
    """Of the faults with five runs: in how many the commonest first cause (or none) comes often enough."""
    firsts: dict[str, list[tuple[str, ...]]] = {}
    for run in faults:
        firsts.setdefault(run.case.name, []).append(run.found[:1])
    commonest = [Counter(each).most_common(1)[0][1] for each in firsts.values() if len(each) > STABLE]
    return Share(sum(count >= STABLE for count in commonest), len(commonest))


def of_rules(judged: Sequence[Judged]) -> dict[str, dict[str, int]]:
    """Rule -> how often it came first and was right, came first on another fault, came first on a healthy run, was
    among the first three and right; and in how many runs it is the cause."""
    table = {}
    for rule in RULES:
        first = [run for run in judged if run.found[:1] == (rule,)]
        table[rule] = {
            "runs": sum(run.case.cause[:1] == (rule,) for run in judged),
            "first, right": sum(run.is_right for run in first),
            "first, wrong": sum(not run.is_right and run.case.kind == "fault" for run in first),
            "first, healthy": sum(run.case.kind != "fault" for run in first),
            "among three, right": sum(rule in run.found[:3] and rule in run.case.cause for run in judged),
        }
    return table


# ---- the diagnoses ---------------------------------------------------------------------------------------------------


def by_tuner(judged: Sequence[Judged]) -> None:
    """`tuner diagnose`, as its --json tells it."""
    try:
        ask = import_module("tuner.asks.diagnose").ask
    except ModuleNotFoundError as error:
        raise SystemExit(f"this tuner cannot diagnose: {error}") from None
    for run in judged:
        began = time.perf_counter()
        told = ask([str(run.result.folder)], run.result.folder.parent).data
        run.seconds = time.perf_counter() - began
        run.found = tuple(finding["rule"] for finding in told["findings"])


def by_tree(judged: Sequence[Judged]) -> None:
    """A decision tree, fitted on the part to tune on."""
    from tree import predict

    for run, found in zip(judged, predict(judged), strict=True):
        run.found = found


def by_published(tool: str) -> Diagnosis:
    """The rules of a published tool, as published.py has them."""

    def judge(judged: Sequence[Judged]) -> None:
        from published import TOOLS, symptoms

        for run in judged:
            run.found = symptoms(TOOLS[tool], run.result.folder)

    return judge


def diagnoses(asked: Sequence[str]) -> dict[str, Diagnosis]:
    found: dict[str, Diagnosis] = {}
    for name in asked:
        if name == "published":
            from published import TOOLS

            found |= {f"{tool} (its thresholds, our implementation)": by_published(tool) for tool in TOOLS}
        else:
            found[{"diagnose": "tuner diagnose", "tree": "decision tree"}[name]] = {"diagnose": by_tuner,
                                                                                    "tree": by_tree}[name]  # fmt: skip
    return found


# ---- the table -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Truth:
    """The runs that count, and why others do not."""

    runs: list[Result]
    bad_on_training: set[tuple[str, int]]
    harms: dict[str, Harm]
    harmless: list[str]
    unhealthy: dict[str, str]

    def judged(self) -> list[Judged]:
        return [Judged(run, (run.case.name, run.seed) in self.bad_on_training) for run in self.runs]


def truth(work: Path) -> Truth:
    """Raises SystemExit where nothing is trained."""
    found = results(work, cases(work))
    if not found:
        raise SystemExit(f"no runs are in {work}: train.py makes them")
    harmed, moved, spared = harms(found), unhealthy(found), unharmed(found)
    does = {name for name, harm in harmed.items() if harm.is_one}
    faults = [run for run in found if run.case.name in does and (run.case.name, run.seed) not in spared]
    healthy = [run for run in found if run.case.kind != "fault" and run.case.name not in moved]
    return Truth([*faults, *healthy], bad_on_training(found), harmed, sorted({*harmed} - does), moved)


def in_parts(judged: Sequence[Judged]) -> dict[str, list[Judged]]:
    return {part: [run for run in judged if run.case.is_tuned == is_tuned] for part, is_tuned in PARTS.items()}


def lines_of(name: str, judged: Sequence[Judged], show: Sequence[str]) -> list[str]:
    """The table of one diagnosis in Markdown, and what it got wrong in the parts `show`."""
    sides = in_parts(judged)
    told = {part: measures(runs) for part, runs in sides.items()}
    lines = [f"## {name}", "", f"| | {' | '.join(PARTS)} |", "|---" * 3 + "|"]
    lines += [f"| {what} | {told['tune'][what]} | {told['hold-out'][what]} |" for what in told["tune"]]
    seconds = [run.seconds for run in judged if run.seconds is not None]
    if seconds:
        lines += ["", f"It takes {statistics.median(seconds):.3f} s a run, {max(seconds):.2f} s at most."]
    for part in show:
        lines += ["", f"### {part}: rules", *rule_lines(of_rules(sides[part]))]
        lines += ["", f"### {part}: wrong", *wrong_lines(sides[part])]
    return [*lines, ""]


def rule_lines(table: dict[str, dict[str, int]]) -> list[str]:
    columns = list(next(iter(table.values())))
    rows = [f"| {rule} | {' | '.join(str(row[column]) for column in columns)} |" for rule, row in table.items()
            if any(row.values())]  # fmt: skip
    return ["", f"| rule | {' | '.join(columns)} |", "|---" * (len(columns) + 1) + "|", *rows]


def wrong_lines(judged: Sequence[Judged]) -> list[str]:
    """A line for each config, with what was said of its runs, where a fault was missed or another cause came first, or
    where a healthy run has a finding."""
    groups: dict[str, list[Judged]] = {}
    for run in judged:
        groups.setdefault(run.case.name, []).append(run)
    lines = []
    for name, runs in groups.items():
        wrong = [run for run in runs if (not run.is_right if run.case.kind == "fault" else run.found)]
        said = Counter(", ".join(run.found[:3]) or "nothing" for run in wrong)
        if wrong:
            cause = f"is {' or '.join(runs[0].case.cause)}" if runs[0].case.cause else f"is {runs[0].case.kind}"
            lines.append(f"- {name} {cause}; {len(wrong)} of {len(runs)}: "
                         + "; ".join(f"{words} ({count})" for words, count in said.most_common(3)))  # fmt: skip
    return lines


def about(known: Truth) -> list[str]:
    """What was left out of the counting, and why."""
    said = by_case(known.runs)
    faults = [runs[0].case for runs in said.values() if runs[0].case.kind == "fault"]
    lines = [f"{len(faults)} faults that do harm, {len(said) - len(faults)} healthy configs, {len(known.runs)} runs."]
    lines += [f"No harm ({len(known.harmless)}): {', '.join(known.harmless)}."] if known.harmless else []
    if known.unhealthy:
        moved = "; ".join(f"{name} ({why})" for name, why in known.unhealthy.items())
        lines.append(f"Not healthy by their results ({len(known.unhealthy)}): {moved}.")
    return lines


def report(work: Path, asked: Sequence[str], *, as_json: bool, show_hold_out: bool) -> None:
    """Judges the runs in `work` and prints."""
    known = truth(work)
    told: dict[str, Any] = {}
    lines = about(known)
    for name, diagnosis in diagnoses(asked).items():
        judged = known.judged()
        diagnosis(judged)
        lines += ["", *lines_of(name, judged, ["tune", "hold-out"] if show_hold_out else ["tune"])]
        told[name] = {part: {what: each.plain() for what, each in measures(runs).items()}
                      for part, runs in in_parts(judged).items()}  # fmt: skip
    if as_json:
        harm = {name: asdict(each) for name, each in known.harms.items()}
        print(json.dumps({"measures": told, "harm": harm, "harmless": known.harmless, "unhealthy": known.unhealthy}))
    else:
        print("\n".join(lines))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path)
    add_options(parser)
    asked = parser.parse_args()
    report(asked.work, asked.by, as_json=asked.json, show_hold_out=asked.show_hold_out)


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--by", nargs="+", choices=["diagnose", "tree", "published"], default=["diagnose"])
    parser.add_argument("--json", action="store_true", help="the measures as JSON")
    parser.add_argument("--show-hold-out", action="store_true", help="list its misses and false alarms, too")


if __name__ == "__main__":
    main()
