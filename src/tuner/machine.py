"""What this machine is, and what of it a run uses, found without importing torch: what a run's identity takes from
outside its config."""

from __future__ import annotations

import ctypes
import importlib.util
import os
import platform
import re
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from importlib import metadata
from pathlib import Path

from tuner.errors import ResourceError

FLOPS_A_THREAD = 20_000_000
"""Operations of one training step that are worth a further thread: below, waking it costs more than it saves."""
AVX512 = {"avx512vl", "avx512bw", "avx512dq", "fma"}
"""The flags of a processor on which torch and oneDNN use AVX-512."""
BFLOAT16 = {"avx512_bf16", "amx_bf16"}
"""The flags of a processor that computes in bfloat16."""
IN_FLOAT32 = "training.precision=float32 trains here"
WITHOUT_CUDA = "`tuner doctor` tells what is missing; training.device=cpu trains without"
_GPUS = Path("/proc/driver/nvidia/gpus")
_TEXT_LIMIT = 1 << 22


def cpu_model() -> str:
    """The processor's name, e.g. `AMD EPYC 7B13`."""
    return cpu_facts().get("model name") or platform.processor() or platform.machine()


def cpu_capability() -> str:
    """The instruction set that torch's own kernels use here: what `torch.backends.cpu.get_cpu_capability()` says.
    Follows torch (aten/src/ATen/native/DispatchStub.cpp), which also lets the variable ATEN_CPU_CAPABILITY choose."""
    flags, machine = cpu_flags(), platform.machine()
    if machine in ("x86_64", "AMD64"):
        chosen = {"avx512": "AVX512", "avx2": "AVX2", "default": "DEFAULT"}
        best = "AVX2" if {"avx2", "fma"} <= flags else "DEFAULT"
        best = "AVX512" if flags >= AVX512 else best
        return chosen.get(os.environ.get("ATEN_CPU_CAPABILITY", ""), best)
    if machine == "aarch64":
        bits = 8 * int(_text(Path("/proc/sys/abi/sve_default_vector_length")).strip() or 0)
        return f"SVE{bits}" if {"sve", "bf16"} <= flags and bits in (128, 256) else "DEFAULT"
    return {"ppc64le": "VSX", "s390x": "Z VECTOR"}.get(machine, "DEFAULT")


def cpu_flags() -> set[str]:
    """The instructions that the processor has, as /proc/cpuinfo calls them."""
    facts = cpu_facts()
    return set(facts.get("flags", facts.get("Features", "")).split())


@cache
def cpu_facts() -> dict[str, str]:
    """The lines of /proc/cpuinfo about the first processor."""
    start = _text(Path("/proc/cpuinfo"), 1 << 13)  # all of it takes long on a machine of many cores
    return _pairs(start.split("\n\n")[0])


def _pairs(text: str) -> dict[str, str]:
    """What lines of the form ``key : value`` say."""
    return {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in text.splitlines())}


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def threads_for(flops: int) -> int:
    """The number of CPU threads that `auto` stands for: as many as the work of one step keeps busy."""
    return max(1, min(cores(), round(flops / FLOPS_A_THREAD)))


def device_for(asked: str, precision: str) -> tuple[str, str]:
    """(device, its model) for `training.device`. Raises ResourceError where CUDA is asked for and not there, or the
    processor does not compute in `training.precision`; of GPUs that is known once torch is there."""
    gpus = gpu_models() if asked != "cpu" else []
    if asked == "cpu" or (asked == "auto" and not gpus):
        flags = cpu_flags()
        if precision == "bfloat16" and not flags & BFLOAT16:
            has = ", ".join(sorted(flag for flag in flags if flag.startswith(("avx", "amx")))) or "neither AVX nor AMX"
            message = f"training.precision is bfloat16, which takes avx512_bf16 or amx_bf16; {cpu_model()} has {has}"
            raise ResourceError(message, fix=IN_FLOAT32)
        return "cpu", cpu_model()
    index = int(asked.partition(":")[2] or 0)
    if index >= len(gpus):
        found = f"found: {', '.join(gpus)}" if gpus else "no usable CUDA device was found"
        raise ResourceError(f"training.device is {asked}, and {found}", fix=WITHOUT_CUDA)
    return f"cuda:{index}", gpus[index]


def gpu_models() -> list[str]:
    """The names of the GPUs that torch can use, in the driver's order; none without a driver or CUDA in torch. CUDA
    puts the fastest GPU first where the models differ, unless CUDA_DEVICE_ORDER says PCI_BUS_ID."""
    asked = os.environ.get("CUDA_VISIBLE_DEVICES")
    if not _torch_facts().get("cuda") or asked == "":
        return []
    found = _gpus_of_driver()
    if not found or (asked or "").startswith("MIG-"):
        found = _gpus_of_nvml((asked or "").split(","))
    return [name for name, _ in found] if asked is None else visible(found, asked)


def visible(gpus: list[tuple[str, str]], asked: str) -> list[str]:
    """The names among `gpus` (name, UUID) that a value of CUDA_VISIBLE_DEVICES leaves, in its order. As the driver
    reads it: the list ends at the first entry that names no GPU, and a repeated entry leaves none."""
    chosen: list[int] = []
    for entry in (part.strip() for part in asked.split(",")):
        if re.fullmatch(r"[0-9]{1,9}", entry):
            fits = [int(entry)] if int(entry) < len(gpus) else []
        else:
            fits = [i for i, (_, uuid) in enumerate(gpus) if entry[:4] in ("GPU-", "MIG-") and uuid.startswith(entry)]
        if len(fits) != 1:
            break
        chosen += fits
    return [gpus[i][0] for i in chosen] if len(set(chosen)) == len(chosen) else []


def _gpus_of_driver() -> list[tuple[str, str]]:
    """(name, UUID) of each GPU from the driver's files in /proc, in the order of their bus."""
    found = []
    for folder in sorted(_GPUS.iterdir()) if _GPUS.is_dir() else []:
        facts = _pairs(_text(folder / "information"))
        # A container may see the files of GPUs it was not given.
        if facts.get("Model") and Path(f"/dev/nvidia{facts.get('Device Minor', '0')}").exists():
            found.append((facts["Model"], facts.get("GPU UUID", "")))
    return found


def _gpus_of_nvml(asked: list[str]) -> list[tuple[str, str]]:
    """(name, UUID) of each GPU, and of each part of a GPU in `asked` (MIG-...), from NVIDIA's management library."""
    try:
        library = ctypes.CDLL("libnvidia-ml.so.1")
    except OSError:
        return []
    if library.nvmlInit_v2() != 0:
        return []
    try:
        count = ctypes.c_uint(0)
        library.nvmlDeviceGetCount_v2(ctypes.byref(count))
        handles = [ctypes.c_void_p() for _ in range(count.value)]
        for index, handle in enumerate(handles):
            library.nvmlDeviceGetHandleByIndex_v2(ctypes.c_uint(index), ctypes.byref(handle))
        for part in asked:
            handle = ctypes.c_void_p()
            if part.startswith("MIG-") and not library.nvmlDeviceGetHandleByUUID(part.encode(), ctypes.byref(handle)):
                handles.append(handle)
        return [(_nvml_text(library.nvmlDeviceGetName, h), _nvml_text(library.nvmlDeviceGetUUID, h)) for h in handles]
    finally:
        library.nvmlShutdown()


def _nvml_text(ask: Callable[..., int], handle: ctypes.c_void_p) -> str:
    buffer = ctypes.create_string_buffer(128)
    return buffer.value.decode(errors="replace") if ask(handle, buffer, ctypes.c_uint(len(buffer))) == 0 else ""


@cache
def versions() -> dict[str, str]:
    """The versions that a run depends on: python, torch (with its build, e.g. `2.10.0+cu128`), tuner, numpy."""
    return {
        "python": platform.python_version(),
        "torch": _torch_facts().get("__version__") or _installed("torch"),
        "tuner": _installed("tuner"),
        "numpy": _installed("numpy"),
    }


def _installed(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "none"


@cache
def _torch_facts() -> dict[str, str]:
    """`__version__`, `cuda`, ... as torch/version.py states them; a fact that is None is left out."""
    found = importlib.util.find_spec("torch")
    text = _text(Path(found.origin).parent / "version.py") if found is not None and found.origin else ""
    return dict(re.findall(r"""^(\w+)(?::[^=\n]*)? *= *['"]([^'"\n]*)['"]""", text, re.MULTILINE))


@cache
def git_commit(folder: Path) -> str | None:
    """The commit checked out in the repository around `folder`; None where git knows none, or is not there.
    Git is asked once a process, for it takes 8 ms."""
    import subprocess  # it takes 8 ms, and this is asked for when torch has imported it

    command = ["git", "-C", str(folder), "rev-parse", "--verify", "--quiet", "HEAD"]
    try:
        found = subprocess.run(command, capture_output=True, text=True, timeout=2, check=True)
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
    return found.stdout.strip()


def _text(path: Path, limit: int = _TEXT_LIMIT) -> str:
    """The beginning of a text file, at most `limit` bytes; "" when it cannot be read."""
    with suppress(OSError, ValueError):
        if path.is_file():
            with path.open("rb") as file:
                return file.read(limit).decode(errors="replace")
    return ""
