"""Which library multiplies float32 matrices on the CPU: the BLAS that torch was built with (``mkl``) or oneDNN.

MKL does not use all of AVX-512 on AMD processors; oneDNN does, and torch hands it the products when it may compute them
in bfloat16, which oneDNN does only where AMX is there and otherwise in float32. So it is chosen on AMD processors with
AVX-512 and without AMX: by what /proc/cpuinfo says, so that it is known without torch and is always the same. That the
results are float32's is not taken on trust: the products of the sizes that a run uses are compared with float64 first,
and where they are not, it stays with the BLAS on this machine from then on.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

from tuner import machine
from tuner.durable.reading import json_bytes, read_json
from tuner.durable.writing import make_folder, write_file
from tuner.errors import TunerError
from tuner.paths import user_cache

MKL, ONEDNN = "mkl", "onednn"
Size = tuple[int, int, int]
"""(rows, inputs, outputs) of a product x (rows, inputs) @ weight (inputs, outputs)."""


def chosen(device: str) -> tuple[str, str]:
    """(mkl or onednn, why) for runs on `device`, found without torch."""
    if device != "cpu":
        return MKL, f"products are made on {device}"
    vendor, flags = machine.cpu_facts().get("vendor_id", ""), machine.cpu_flags()
    if vendor != "AuthenticAMD" or not flags >= machine.AVX512:
        return MKL, "oneDNN gains on AMD processors with AVX-512, and this is none"
    if any(flag.startswith("amx") for flag in flags):
        return MKL, "with AMX oneDNN would round to bfloat16"
    if wrong := failed():
        return MKL, f"oneDNN's products were wrong here: {wrong} (noted in {_place()})"
    return ONEDNN, "on AMD processors with AVX-512 it is faster"


def _place() -> Path | None:
    cache = user_cache()
    return cache and cache / "products.json"


def _machine() -> str:
    return f"{machine.cpu_model()}, torch {machine.versions()['torch']}"


def _noted() -> dict[str, Any]:
    """What was found, by machine, for a home folder may belong to several; nothing where the file is not ours."""
    place = _place()
    with suppress(TunerError):
        return read_json(place) if place is not None and place.is_file() else {}
    return {}


def _record() -> dict[str, Any]:
    """Of this machine with this torch: {"sizes": those compared, "failed": what was wrong, or ""}."""
    found = _noted().get(_machine())
    return found if isinstance(found, dict) else {}


def failed() -> str:
    """What was wrong with oneDNN's products on this machine; "" for nothing that is known."""
    return str(_record().get("failed", ""))


def compared() -> set[Size]:
    """The sizes of products that were compared on this machine before."""
    with suppress(TypeError):
        return {(rows, inputs, outputs) for rows, inputs, outputs in _record().get("sizes", [])}
    return set()


def note(sizes: set[Size], failed: str) -> None:
    """Notes which sizes were compared on this machine, and what was wrong, if anything."""
    place = _place()
    if place is not None:
        with suppress(TunerError):  # a cache that cannot be written: the next start compares again
            make_folder(place.parent)
            found = {"sizes": sorted(sizes), "failed": failed}
            write_file(place, json_bytes(_noted() | {_machine(): found}))
