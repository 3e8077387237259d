"""What do this machine and this installation have, and what is missing?"""

from __future__ import annotations

import os
import re
import shutil
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path

from tuner import shipped
from tuner.answer import Answer, Column, Table, Verdict
from tuner.data.embedded import folder
from tuner.data.files import default_roots, files_of, is_file, is_folder, shown
from tuner.data.source import Source
from tuner.errors import NotFoundError, ResourceError
from tuner.machine import cores, cpu_capability, cpu_model, gpu_models, versions
from tuner.products import chosen

ROOM = 100 << 20
"""Bytes that should be free where the runs lie."""

GOOD, NOTE, MISSING = "good", "note", "missing"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at: `state` is good, note (it may be so) or missing (`fix` says what to do)."""

    what: str
    found: str
    state: str = GOOD
    fix: str = ""


def ask(with_torch: bool, runs_dir: Path, terminal: str) -> Answer:
    """What was looked at, with what the `terminal` can show; exit code 5 where something is missing."""
    found = [*packages(), *installation(), *hardware(), *data_sets(), *runs_folder(runs_dir)]
    found.append(Finding("terminal", terminal))
    found += torch_itself() if with_torch else []
    missing = [f"{each.what} ({each.found}): {each.fix}" for each in found if each.state == MISSING]
    last = f"missing: {'; '.join(missing)}" if missing else "all good"
    rows = [[each.what, "" if each.state == GOOD else each.state, each.found] for each in found]
    return Answer(
        [Table([Column("what"), Column(""), Column("found")], rows), Verdict(last, "red" if missing else "green")],
        {"ok": not missing, "findings": [asdict(each) for each in found]},
        f"{last}\n",
        ResourceError.exit_code if missing else 0,
    )


def packages() -> Iterator[Finding]:
    """Python and what tuner requires, each with its version."""
    known = versions()
    yield Finding("python", f"{known['python']} ({sys.executable})")
    try:
        required = [line for line in metadata.requires("tuner") or [] if "extra ==" not in line]
    except metadata.PackageNotFoundError:
        yield Finding("tuner", "not installed as a package", MISSING, "pip install tuner")
        return
    yield Finding("tuner", known["tuner"])
    for line in required:
        yield package(line, known)


def package(requirement: str, known: dict[str, str]) -> Finding:
    """One requirement, such as ``numpy>=2.0``, and what is there of it."""
    name = re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0]
    try:
        version = known.get(name) or metadata.version(name)
    except metadata.PackageNotFoundError:
        version = "none"
    if version == "none":
        return Finding(name, "not installed", MISSING, f"pip install '{requirement}'")
    for sign, bound in re.findall(r"(>=|<)([0-9.]+)", requirement):
        if (numbers(version) >= numbers(bound)) != (sign == ">="):
            return Finding(name, f"{version}, not {sign}{bound}", MISSING, f"pip install '{requirement}'")
    return Finding(name, version)


def numbers(version: str) -> tuple[int, ...]:
    """``2.10.0+cu128`` -> (2, 10); what follows the numbers does not count, nor do zeros at their end."""
    found = re.match(r"[0-9]+(?:\.[0-9]+)*", version)
    return tuple(map(int, re.sub(r"(\.0+)+$", "", found[0]).split("."))) if found else ()


def installation() -> Iterator[Finding]:
    """tuner's own place and the configs that come with it."""
    yield Finding("installed at", str(Path(shipped.__file__).parent))
    try:
        yield Finding("configs", f"{len(shipped.configs())} in {shipped.folder('configs')}")
    except NotFoundError as error:
        yield Finding("configs", error.message, MISSING, error.fix)


def hardware() -> Iterator[Finding]:
    """The processor, its instruction set, its cores, the GPUs."""
    count = cores()
    yield Finding("cpu", f"{cpu_model()}, {cpu_capability()}")
    yield Finding("cores", f"{count}; training.threads: auto takes 1 to {count} of them, by the work of a step")
    yield Finding("products", ": ".join(chosen("cpu")))
    if gpus := gpu_models():
        yield Finding("gpu", ", ".join(gpus))
        return
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    why = "there is a driver, but this torch has no CUDA or the driver shows no GPU"
    if not Path("/proc/driver/nvidia/version").exists() and not Path("/dev/nvidiactl").exists():
        why = "no NVIDIA driver"
    elif visible is not None:
        why = f"CUDA_VISIBLE_DEVICES={visible} leaves none"
    yield Finding("gpu", f"none: {why}; training runs on the CPU", NOTE)


def torch_itself() -> Iterator[Finding]:
    """What torch says once it is imported, against what was found without it; a run's identity counts on that."""
    began = time.perf_counter()
    try:
        from tuner.train.hardware import told_by_torch
    except (ImportError, OSError) as error:
        yield Finding("import torch", str(error).splitlines()[0], MISSING, "install torch again: https://pytorch.org")
        return
    yield Finding("import torch", f"{time.perf_counter() - began:.1f} s")
    told = told_by_torch()
    yield Finding("torch threads", f"{told['threads']} unless training.threads says otherwise")
    yield Finding("torch products", told["products"])
    found = {"version": versions()["torch"], "cpu": cpu_capability(), "gpu": ", ".join(gpu_models()) or "none"}
    for what, ours in found.items():
        if ours == told[what]:
            yield Finding(f"torch {what}", f"{ours}, as found without it")
        else:
            differ = f"torch says {told[what]}, found without it: {ours}"
            yield Finding(f"torch {what}", differ, MISSING, "check the driver, or install torch again")


def data_sets() -> Iterator[Finding]:
    """The data folders looked in, and what is in each."""
    try:
        tables = folder()
        if not is_folder(tables):
            raise NotFoundError(f"{tables} is not there", fix="pip install --force-reinstall scikit-learn")
        yield Finding("data", f"{tables}: the tables of scikit-learn")
    except NotFoundError as error:
        yield Finding("data", error.message, MISSING, error.fix)
    sources = [source for source in Source.members.values() if source.archives]
    for root in default_roots():
        there = [
            source.name
            for source in sources
            if all(is_file(root / name) or is_file(root / f"{name}.gz") for name in files_of(source))
        ]
        absent = "no data set" if is_folder(root) else "not there; `tuner download NAME` fetches data sets"
        yield Finding("data", f"{shown(root)}: {', '.join(there) or absent}", GOOD if there else NOTE)


def runs_folder(path: Path) -> Iterator[Finding]:
    """Whether runs can be written, and how much room there is."""
    place = next(folder for folder in (path.absolute(), *path.absolute().parents) if folder.exists())
    absent = "" if place == path.absolute() else ", made by the first run"
    if not (place.is_dir() and os.access(place, os.W_OK | os.X_OK)):
        yield Finding("runs", f"{place} cannot be written", MISSING, "choose another folder: --runs-dir or TUNER_RUNS")
        return
    free = shutil.disk_usage(place).free
    state, fix = (GOOD, "") if free >= ROOM else (MISSING, "make room on that disk")
    yield Finding("runs", f"{path}{absent}; {free / 1e9:,.1f} GB free", state, fix)
