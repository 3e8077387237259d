"""Which library multiplies: known without torch, and used only where its products are float32's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from tuner import machine, network, products
from tuner.options.activations import Tanh
from tuner.options.models import CNN, MLP, RNN, Model
from tuner.plan import plan
from tuner.train.hardware import MOST_ROWS, MOST_UNITS, TOLERANCE, by, checked, error_of

AVX512 = "fma avx2 avx512f avx512vl avx512bw avx512dq"
AMD = {"vendor_id": "AuthenticAMD", "model name": "AMD EPYC 9965", "flags": AVX512}
MATMUL = torch.backends.mkldnn.matmul  # type: ignore[attr-defined]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "tuner" / "products.json"


@pytest.fixture
def amd(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "cpu_facts", lambda: AMD)


class Rounded(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Products are made of numbers rounded to bfloat16, as AMX would make them; those of float64 are left alone."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.products = 0

    def __torch_dispatch__(self, function: Any, types: Any, given: Any = (), more: Any = None) -> Any:
        if function in (torch.ops.aten.mm.default, torch.ops.aten.bmm.default):
            self.products += 1
            if given[0].dtype == torch.float32:
                given = [each.bfloat16().float() for each in given]
        return function(*given, **(more or {}))


@pytest.mark.parametrize(
    ("change", "library", "why"),
    [
        ({}, "onednn", "it is faster"),
        ({"flags": AVX512 + " avx512_bf16"}, "onednn", "it is faster"),
        ({"flags": AVX512 + " amx_tile amx_bf16"}, "mkl", "AMX"),
        ({"flags": "fma avx2"}, "mkl", "this is none"),
        ({"vendor_id": "GenuineIntel"}, "mkl", "this is none"),
        ({"vendor_id": ""}, "mkl", "this is none"),
    ],
)
def test_the_processor_decides(change: dict[str, str], library: str, why: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "cpu_facts", lambda: AMD | change)
    found, said = products.chosen("cpu")
    assert found == library
    assert why in said
    assert products.chosen("cuda:0")[0] == "mkl"


@pytest.mark.parametrize("size", [(128, 784, 500), (1, 1, 1), (7, 3, 2), (128, 500, 10), (32, 28, 64)])
def test_the_products_here_are_float32s(size: products.Size) -> None:
    for library in (products.MKL, products.ONEDNN):
        with by(library):
            assert error_of(size) <= TOLERANCE


def test_rounded_products_are_refused_for_good(amd: None, cache: Path) -> None:
    assert products.chosen("cpu")[0] == "onednn"
    with Rounded():
        assert checked({(64, 30, 20)}) == "mkl"
    library, why = products.chosen("cpu")
    assert library == "mkl"
    assert "64 x 30 x 20" in why
    assert str(cache) in why


def test_what_is_not_a_number_is_refused(amd: None) -> None:
    class Spoilt(Rounded):  # type: ignore[no-untyped-call]
        def __torch_dispatch__(self, function: Any, types: Any, given: Any = (), more: Any = None) -> Any:
            found = function(*given, **(more or {}))
            is_spoilt = function == torch.ops.aten.mm.default and found.dtype == torch.float32
            return found * float("nan") if is_spoilt else found

    with Spoilt():
        assert checked({(64, 30, 20)}) == "mkl"


def test_a_sum_of_a_million_numbers_is_no_failure(amd: None) -> None:
    """float32's own error over so many is beyond the tolerance: such a layer would turn oneDNN off for good."""
    assert checked({(128, 10**6, 10), (128, 10, 10**6)}) == "onednn"
    assert products.compared() == {(128, MOST_UNITS, 10), (128, 10, MOST_UNITS)}


def test_a_size_is_compared_once_a_machine(amd: None, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert checked({(50, 4, 3), (10**6, 4, 3)}) == "onednn"
    assert products.compared() == {(50, 4, 3), (MOST_ROWS, 4, 3)}
    with Rounded() as seen:
        assert checked({(50, 4, 3), (2 * 10**6, 4, 3)}) == "onednn"
        assert seen.products == 0
    assert checked({(8, 4, 3)}) == "onednn"
    assert len(products.compared()) == 3
    monkeypatch.setattr(machine, "cpu_facts", lambda: AMD | {"model name": "another one, which shares the home folder"})
    assert products.compared() == set()
    with Rounded():
        assert checked({(50, 4, 3)}) == "mkl"
    assert len(json.loads(cache.read_text())) == 2


@pytest.mark.parametrize(
    "text", ["", "{}", "[1]", '{"MACHINE": 5}', '{"MACHINE": {"sizes": 5}}', '{"MACHINE": {"sizes": [5]}}']
)
def test_a_damaged_note_is_as_none(amd: None, cache: Path, text: str) -> None:
    cache.parent.mkdir()
    cache.write_text(text.replace("MACHINE", f"AMD EPYC 9965, torch {torch.__version__}"))
    assert products.chosen("cpu")[0] == "onednn"
    assert products.compared() == set()
    assert checked({(5, 4, 3)}) == "onednn"
    assert products.compared() == {(5, 4, 3)}


def test_without_a_cache_nothing_is_remembered(amd: None, cache: Path) -> None:
    cache.parent.write_text("a file is in the way")
    with Rounded():
        assert checked({(64, 30, 20)}) == "mkl"
    assert products.chosen("cpu")[0] == "onednn"


def test_torchs_switch_is_as_it_was() -> None:
    before = MATMUL.fp32_precision
    with by(products.ONEDNN):
        assert MATMUL.fp32_precision == "bf16"
        with by(products.MKL):
            assert MATMUL.fp32_precision == "ieee"
        assert MATMUL.fp32_precision == "bf16"
    assert MATMUL.fp32_precision == before


MODELS: dict[str, tuple[tuple[int, ...], Model]] = {
    "dense": ((12,), MLP(hidden=[16, 8], activation=Tanh())),
    "batch norm": ((12,), MLP(hidden=[16], batch_norm=True, activation=Tanh())),
    "conv": ((2, 8, 8), CNN(channels=[4, 6], hidden=[10], activation=Tanh())),
    **{cell: ((9, 5), RNN(units=[7], cell=cell)) for cell in ("rnn", "gru", "lstm")},
}


@pytest.mark.parametrize("library", [products.MKL, products.ONEDNN])
@pytest.mark.parametrize("kind", MODELS)
def test_gradients_are_those_of_float64(kind: str, library: str) -> None:
    inputs, model = MODELS[kind]
    found = []
    x = torch.randn(32, *inputs, generator=torch.Generator().manual_seed(0))
    with by(library):
        for dtype in (torch.float64, torch.float32):
            built = network.build(plan(model, inputs, 3), 0).to(dtype)
            outputs = x.to(dtype)
            for _, module in built.blocks:
                outputs = module(outputs)
            outputs.square().sum().backward()  # type: ignore[no-untyped-call]
            found.append({name: np.asarray(parameter.grad) for name, parameter in built.named_parameters()})
    exact, ours = found
    for name, gradient in exact.items():
        assert np.abs(ours[name] - gradient).max() / np.abs(gradient).max() <= 2e-5, name
