"""torch as a run needs it on this machine: strict, repeatable, its float32 products through the library that the run's
identity names; and what torch itself says of the machine, which is found without it otherwise."""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace
from statistics import median
from typing import Any

import torch

from tuner import machine
from tuner.errors import NotFoundError, ResourceError
from tuner.opening import Session
from tuner.products import MKL, ONEDNN, Size, compared, failed, note

TOLERANCE = 2e-6
"""How far a product may be from float64's, as a share of its largest number: float32's own error is about 5e-7."""
MOST_ROWS, MOST_UNITS = 1024, 16_384
"""Rows, and inputs and outputs, of the largest product that is compared: the kernels for more are the same, float64
takes its time, and float32's own error grows with how many numbers are summed (over a million it is beyond TOLERANCE,
whichever library sums)."""

_CUDNN: Any = torch.backends.cudnn
_MKLDNN: Any = torch.backends.mkldnn
_STRICT: tuple[tuple[Any, str, Any], ...] = (
    (torch.utils.deterministic, "fill_uninitialized_memory", False),
    (_CUDNN, "benchmark", False),
    *((place, "fp32_precision", "ieee") for place in (torch.backends.cuda.matmul, _CUDNN.conv, _CUDNN.rnn)),
    *((place, "fp32_precision", "ieee") for place in (_MKLDNN.matmul, _MKLDNN.conv, _MKLDNN.rnn)),
)
"""torch's global settings, each with what a run needs, whatever was set before."""


@contextmanager
def settings_kept() -> Iterator[None]:
    """Afterwards torch's global settings are what they were; within it gradients are on, whatever the caller's are."""
    threads, dtype, is_strict = torch.get_num_threads(), torch.get_default_dtype(), torch.get_deterministic_debug_mode()
    before = [getattr(place, name) for place, name, _ in _STRICT]
    try:
        with torch.inference_mode(False), torch.enable_grad():
            yield
    finally:
        torch.set_num_threads(threads)
        torch.set_default_dtype(dtype)
        torch.set_deterministic_debug_mode(is_strict)
        for (place, name, _), value in zip(_STRICT, before, strict=True):
            setattr(place, name, value)


@contextmanager
def enough_memory(session: Session) -> Iterator[None]:
    """Turns an error of memory that ran out into a ResourceError; torch's allocator for the CPU says so with a plain
    RuntimeError."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        is_said = any(words in str(error) for words in ("allocate memory", "out of memory"))
        if not is_said and not isinstance(error, torch.OutOfMemoryError | MemoryError):
            raise
        where = "the GPU" if isinstance(error, torch.OutOfMemoryError) else "this machine"
        size, count = session.loaded.config.training.batch_size, session.loaded.plan.parameters
        message = f"out of memory on {where}: {count:,} parameters, training.batch_size {size}"
        fix = "a smaller model or a smaller training.batch_size needs less; `tuner check --resolved` shows the layers"
        raise ResourceError(message, fix=fix) from None


def set_up_torch(session: Session) -> Session:
    """Threads, determinism, products; the identity found without torch is checked against torch's own answers."""
    identity, training = session.identity, session.loaded.config.training
    torch.set_num_threads(identity.threads)
    torch.set_default_dtype(torch.float32)
    for place, name, value in _STRICT:
        setattr(place, name, value)
    found = replace(identity, cpu_capability=torch.backends.cpu.get_cpu_capability(), torch=str(torch.__version__))
    device = torch.device(identity.device)
    if device.type == "cuda":
        # cuBLAS is deterministic only with a workspace of fixed size, named before CUDA starts
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        if not torch.cuda.is_available() or (device.index or 0) >= torch.cuda.device_count():
            message = f"the driver reports {identity.device_model}, but torch cannot use it"
            raise ResourceError(message, fix=machine.WITHOUT_CUDA)
        if training.precision == "bfloat16" and not torch.cuda.is_bf16_supported(including_emulation=False):
            message = f"training.precision is bfloat16, and {identity.device_model} does not compute in it"
            raise ResourceError(message, fix=machine.IN_FLOAT32)
        torch.use_deterministic_algorithms(True)
        found = replace(found, device_model=torch.cuda.get_device_name(device))
    if identity.products == ONEDNN:
        found = replace(found, products=checked(_products_of(session)))
    use(found.products)
    if found == identity:
        return session
    if session.held is not None:
        said = "; ".join(f"{what} is {there}, and was {here}" for what, here, there in identity.differences(found))
        raise NotFoundError(f"{session.held.path} cannot go on here: {said}")
    return replace(session, identity=found)


def _products_of(session: Session) -> set[Size]:
    """The sizes of the products of a training step: those of dense and recurrent layers and of embedded numbers, each
    column with its own weight; tables of codes are looked up."""
    size, samples = session.loaded.config.training.batch_size, len(session.splits.train)
    rows = samples if size == "full" else min(size, samples)
    named = session.loaded.plan.shapes.items()
    shapes = [shape for name, shape in named if not name.startswith(("input.codes.", "input.linear"))]
    return {(rows, shape[-1], shape[-2]) for shape in shapes if len(shape) in (2, 3)}


@contextmanager
def by(library: str) -> Iterator[None]:
    """Within it torch's float32 products go through `library`; afterwards as they did before."""
    before = _MKLDNN.matmul.fp32_precision
    use(library)
    try:
        yield
    finally:
        _MKLDNN.matmul.fp32_precision = before


def use(library: str) -> None:
    """From now on torch's float32 products go through `library`."""
    _MKLDNN.matmul.fp32_precision = "bf16" if library == ONEDNN else "ieee"


def checked(sizes: Collection[Size]) -> str:
    """Compares oneDNN's products of these sizes with float64, but for those that were compared on this machine before;
    the library that is to be used. What is found is noted in the user's cache, where there is one."""
    done = compared()
    new = {(min(rows, MOST_ROWS), min(inputs, MOST_UNITS), min(outputs, MOST_UNITS))
           for rows, inputs, outputs in sizes} - done  # fmt: skip
    wrong = failed()
    with by(ONEDNN):
        for size in sorted(new):
            if not wrong and not (error := error_of(size)) <= TOLERANCE:
                wrong = f"{' x '.join(map(str, size))} is off by {error:.1e} of its largest number"
    if new:
        note(done | new, wrong)
    return MKL if wrong else ONEDNN


def error_of(size: Size) -> float:
    """The largest error of the products of a dense layer of this size, as a share of the largest number of each:
    forward, both of the backward pass, and the same in batches."""
    rows, inputs, outputs = size
    draw = torch.Generator().manual_seed(0)
    shapes = (rows, inputs), (outputs, inputs), (rows, outputs)
    x, weight, gradient = (torch.randn(shape, generator=draw) for shape in shapes)
    products = [(x, weight.T), (gradient, weight), (gradient.T, x)]
    products += [(torch.stack((one, -one)), torch.stack((other, other))) for one, other in products]
    errors = []
    for one, other in products:
        exact = one.double() @ other.double()
        errors.append((one @ other - exact).abs().max() / exact.abs().max())
    return float(torch.stack(errors).max())


def rate_of(library: str, size: Size = (128, 784, 500)) -> float:
    """Operations a second of a product of this size."""
    rows, inputs, outputs = size
    x, weight = torch.ones(rows, inputs), torch.ones(inputs, outputs)
    with by(library):
        taken = []
        for _ in range(100):
            began = time.perf_counter()
            x @ weight
            taken.append(time.perf_counter() - began)
    return 2 * rows * inputs * outputs / median(taken)


def told_by_torch() -> dict[str, str]:
    """What torch says of this machine: its version, the processor's instruction set, the GPUs, its threads and how fast
    either library multiplies."""
    gpus = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    rates = ", ".join(f"{library} {rate_of(library) / 1e9:,.0f} GFLOP/s" for library in (MKL, ONEDNN))
    return {
        "version": str(torch.__version__),
        "cpu": torch.backends.cpu.get_cpu_capability(),
        "gpu": ", ".join(gpus) or "none",
        "threads": str(torch.get_num_threads()),
        "products": f"{rates} at 128 x 784 x 500",
    }
