"""What does a run folder tell?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from tuner.answer import Answer, Block, Command, Note, Pairs, Spark, Text
from tuner.asks.diagnose import in_a_line
from tuner.choice import nearest_of
from tuner.durable.reading import files_below
from tuner.errors import UsageError
from tuner.figures import number, plural
from tuner.options.metrics import column, usual
from tuner.runs.family import Group, members_table, read_group, why_ended
from tuner.runs.files import CONFIG, ENDED, LOG, METRICS, TIMING, apart
from tuner.runs.find import next_command, resolve
from tuner.runs.folder import Run, kind_of, read
from tuner.runs.trials import as_told, let_go, one_of

FILES = {"config": CONFIG, "metrics": METRICS, "timing": TIMING, "log": LOG}
PARTS = ("summary", *FILES, "data", "origins", "identity", "files")
OF_SWEEP = ("trials", "effects", "space")
OWN_OF_SWEEP = ("summary", "config", *OF_SWEEP)
"""Parts that a sweep has beside its summary and its config."""


def ask(reference: str, part: str, runs_dir: Path, *, file: Path | None = None, form: str = "") -> Answer:
    """The result of a run, group or sweep, or one part of its folder; `file` is a picture of a sweep. Raises
    UsageError, NotFoundError."""
    if part not in (*PARTS, *OF_SWEEP):
        raise UsageError(f"a run has no part {part}", fix=nearest_of(part, (*PARTS, *OF_SWEEP)))
    path = resolve(reference, runs_dir)
    if kind_of(path) == "sweep" and part not in OWN_OF_SWEEP:
        path = one_of(path)  # a part of one run is that of the best trial
    kind = kind_of(path)
    if kind == "sweep":
        found: Answer = import_module("tuner.asks.sweep.show").ask(path, part, file=file, drawn=form == "html")
        return found
    if file is not None:
        raise UsageError(f"{path} is a {kind}: its picture are its curves", fix=f"tuner curves {path} -o {file}")
    if part in OF_SWEEP:
        raise UsageError(f"{path} is a {kind}, and {part} is a part of a sweep", fix=f"tuner show {path}")
    if kind != "run":
        return _of_group(read_group(path, read), part)
    run = as_told(read(path))
    if part == "data":
        told: Answer = import_module("tuner.asks.show.data").told(run)
        return told
    diagnosed, command = told_next(run) if part == "summary" else ("", "")  # nothing else shows it
    data, shown = run_data(run, command), {"summary": f"{path}\n"}
    if part in FILES:
        blocks = text_of(run, FILES[part])
        if part == "timing":
            data[part] = run.timing
        elif part == "log":
            data[part] = plain_text(blocks).splitlines()
    elif part == "files":
        data["files"] = list(map(str, files_below(path)))
        blocks = [Text("\n".join(data["files"]), code=True)]
    else:
        blocks = [summary(run, diagnosed, command) if part == "summary" else _pairs(data[part])]
    return Answer([*disagreements(run), *blocks], data.get(part, data), shown.get(part) or plain_text(blocks))


def _pairs(values: Mapping[str, Any]) -> Pairs:
    return Pairs([(key, str(value)) for key, value in values.items()])


def plain_text(blocks: Sequence[Block]) -> str:
    """What ``-q`` leaves of a part: the same."""
    lines = [block.text for block in blocks if isinstance(block, Text)]
    lines += [f"{key}  {value}" for block in blocks if isinstance(block, Pairs) for key, value in block.pairs]
    return "".join(f"{line}\n" for line in lines)


def _of_group(group: Group, part: str) -> Answer:
    """The members of a group and their mean, or what they have in common. Raises UsageError for a part of one run."""
    run = group.first
    if part not in ("summary", "config", "identity"):
        fix = f"tuner show {run.path} {part}"
        raise UsageError(f"{group.path} is a group, and {part} is a part of one run", fix=fix)
    notes = [Note(damage, problem=True) for damage in group.damaged.values()]
    notes += [note for member in group.runs.values() for note in disagreements(member)]
    data = {
        "run": str(group.path),
        "name": run.name,
        **group.as_json(),
        "config": run.config,
        "identity": run.identity.as_json(),
        "damaged": list(group.damaged.values()),
        "next": group.next,
    }
    if part == "summary":
        statuses = group.statuses()
        head = {"run": f"{group.path}, {group.counted(len(statuses))}", "state": group.state, **_about(run)}
        head["device"] += " each"
        courses = {key: [row.get(run.monitor) for row in each.rows] for key, each in group.runs.items()}
        table = members_table(group.varies, statuses, run.monitor, courses)
        found, command = in_a_line(group)
        data["next"] = (command if group.is_over else "") or group.next
        ends = Pairs([*why_ended(group.varies, statuses), *[("found", found)] * bool(found),
                      ("next", Command(data["next"]))])  # fmt: skip
        shown: list[Block] = [Pairs(list(head.items())), table, ends]
        return Answer([*notes, *shown], data, f"{group.path}\n")
    blocks = text_of(run, CONFIG) if part == "config" else [_pairs(data[part])]
    return Answer([*notes, *blocks], data[part], plain_text(blocks))


def run_data(run: Run, command: str) -> dict[str, Any]:
    """What ``--json`` tells of a run, with the `command` to type."""
    return {
        "run": str(run.path),
        "name": run.name,
        "created": run.created,
        **run.status,
        "state": run.state,
        "next": command,
        "config": run.config,
        "identity": run.identity.as_json(),
        "metrics": run.rows,
        "origins": run.origins,
    }


def told_next(run: Run) -> tuple[str, str]:
    """The diagnosis of a run that is over in a line, "" of others, and the command to type."""
    of_one = Group(run.path, {(run.setting("seed"),): run})
    found, command = in_a_line(of_one) if run.state in ENDED else ("", "")
    return found, command or next_command(run)


def summary(run: Run, diagnosed: str, command: str) -> Pairs:
    """The result of a run in a few lines, with its diagnosis and the `command` to type. Raises NotFoundError."""
    status, best = run.status, run.status.get("best") or {}
    lines: dict[str, Any] = {
        "run": str(run.path),
        "state": run.state + (f" ({status['reason']})" if status.get("reason") else ""),
        "created": run.created[:19].replace("T", " ") + " UTC",
        **_about(run),
    }
    if best:
        values = _listed({name: value for name, value in usual(best, run.monitor).items() if column(name).part})
        epochs = run.setting("training.stop_after") or run.setting("training.epochs")
        lines["best"] = f"epoch {best['epoch']} of {epochs}: {values}"
    if status.get("test"):
        lines["test"] = _listed(usual(status["test"], run.monitor))
    if run.rows and column(run.monitor).part:
        lines[run.monitor] = Spark([row.get(run.monitor) for row in run.rows], width=40)
    if gone := let_go(run):
        lines["weights"] = gone
    if diagnosed:
        lines["found"] = diagnosed
    return Pairs([*lines.items(), ("next", Command(command))])


def _listed(values: Mapping[str, float | None]) -> str:
    return ", ".join(f"{name} {number(value)}" for name, value in values.items())


def _about(run: Run) -> dict[str, str]:
    """What was trained, and on what."""
    identity = run.identity
    device = f"{identity.device} ({identity.device_model}), {plural(identity.threads, 'thread')}"
    return {"model": f"{run.setting('model')} on {run.setting('data')}", "device": device}


def disagreements(run: Run) -> Iterator[Note]:
    """What of a run that is not being trained does not agree with its status."""
    for line in apart(run.path, run.told) if run.state != "running" else []:
        yield Note(f"note: {line}", problem=True)


def text_of(run: Run, name: str) -> list[Block]:
    """A text file of a run, as it is. Raises NotFoundError."""
    text = run.content(name).decode("utf-8", "backslashreplace").removesuffix("\n")
    return [Text(text, code=True)] if text else []
