"""Runs on people's own arrays: trained, resumed, found again, predicted with; and files of any bytes."""

from __future__ import annotations

import io
import json
import os
import signal
import struct
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tuner
from tuner.config.load import load
from tuner.data.splits import load as load_splits
from tuner.errors import NotFoundError
from tuner.opening import Answered
from tuner.stopping import Stop, StopRequests

N = 90
RNG = np.random.default_rng(11)
Y = np.arange(N) % 3
SIGNAL = Y[:, None, None] * 60 + RNG.integers(0, 60, (N, 8, 8))
NUMBER = SIGNAL[:, 0].sum(axis=1) / 8
SHORT = "\ntraining: {epochs: 4, batch_size: 16, device: cpu}\noptimizer: {lr: 0.01}\n"

RUNS: dict[str, tuple[Any, Any, str]] = {
    "mlp on rows": (SIGNAL[:, 0] / 4, Y, "model: {hidden: [8]}"),
    "mlp on rows of bytes": (SIGNAL[:, 0].astype(np.uint8), np.array(["a", "b", "c"])[Y], "model: {hidden: [8]}"),
    "cnn on bytes": (SIGNAL.astype(np.uint8), Y, "model: {name: cnn, channels: [4], hidden: [8]}"),
    "cnn on three channels": (np.stack([SIGNAL] * 3, 3) / 9, Y, "model: {name: cnn, channels: [4], hidden: [8]}"),
    "rnn on sequences": (SIGNAL / 9, Y, "model: {name: rnn, units: [8]}"),
    "numbers": (SIGNAL[:, 0] / 4, NUMBER, "model: {hidden: [8]}\nloss: mse"),
}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def config(workplace: Any, name: str, **more: Any) -> tuple[str, Any]:
    """A config of a run on its arrays, which lie beside it, and x."""
    x, y, text = RUNS[name]
    np.savez(workplace.folder / "my.npz", x=x, y=y, **more)
    return f"data: {{name: npz, path: my.npz}}\n{text}{SHORT}", x


@pytest.mark.parametrize("name", RUNS)
def test_a_run_and_its_model(workplace: Any, name: str) -> None:
    text, x = config(workplace, name)
    ended = workplace.train(text)
    assert ended.status["state"] == "finished"
    model, splits = tuner.load(ended.run), workplace.open(text, again=True).splits
    assert model.data.shape == splits.description.shape and len(splits.test) == 18
    answers = model.predict(splits.test.x)
    if model.classes:
        wanted = np.array(model.classes)[splits.test.y]
        assert np.mean(answers == wanted) == ended.status["test"]["accuracy"] > 0.5
    else:
        assert np.abs(answers - splits.test.y).mean() == pytest.approx(ended.status["test"]["mae"], rel=1e-5)
    if x.ndim < 4 and name != "cnn on bytes":  # as they are stored, whatever the part
        assert len(model.predict(x)) == N


def test_a_file_with_own_parts_trains_and_tells_their_sizes(workplace: Any) -> None:
    name = "cnn on bytes"
    parts: dict[str, Any] = {}
    for part, own in (("test", slice(0, 12)), ("val", slice(12, 32))):
        parts |= {f"{part}_x": RUNS[name][0][own], f"{part}_y": RUNS[name][1][own]}
    text, x = config(workplace, name, **parts)
    ended = workplace.train(text)
    told = json.loads((ended.run / "data.json").read_text())["parts"]
    assert {part: each["samples"] for part, each in told.items()} == {"train": N, "validation": 20, "test": 12}
    assert told["validation"]["classes"] == np.bincount(Y[12:32]).tolist()
    answers = tuner.load(ended.run).predict(x[:12, None])
    assert np.mean(answers == Y[:12].astype(str)) == ended.status["test"]["accuracy"]
    assert (ended.run / "metrics.csv").read_text().split("\n")[0].count("val_") > 0


@pytest.mark.parametrize("name", ["cnn on bytes", "rnn on sequences", "numbers"])
def test_a_stopped_run_goes_on_to_the_same_rows(workplace: Any, name: str) -> None:
    text, _ = config(workplace, name)
    whole = (workplace.train(text).run / "metrics.csv").read_bytes()
    stop = StopRequests()
    events = workplace.begin(text, stop=stop, again=True)
    first = [next(events) for _ in range(3)]
    stop.ask(Stop("SIGTERM", signal.SIGTERM))
    event = [*first, *events][-1]
    assert event.status["state"] == "stopped"
    resumed = workplace.train(text)
    assert resumed.run == event.run and resumed.status["state"] == "finished"
    assert (resumed.run / "metrics.csv").read_bytes() == whole


def test_a_moved_file_is_found_by_its_path(workplace: Any) -> None:
    text, _ = config(workplace, "mlp on rows")
    ended = workplace.train(text)
    moved = (workplace.folder / "my.npz").rename(workplace.folder / "other.npz")
    with pytest.raises(NotFoundError, match=r"my\.npz is missing\nIf a config names it: data\.path="):
        workplace.open(text)
    found = workplace.open(text, f"data.path={moved}")
    assert isinstance(found, Answered) and found.run.path == ended.run


# ---- files of any bytes ----------------------------------------------------------------------------------------------


def npz(packed: bool, **arrays: Any) -> bytes:
    stream = io.BytesIO()
    (np.savez_compressed if packed else np.savez)(stream, **arrays)
    return stream.getvalue()


def with_members(members: dict[str, bytes], packing: int = zipfile.ZIP_DEFLATED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", packing) as file:
        for name, data in members.items():
            file.writestr(name, data)
    return stream.getvalue()


def npy(header: str, data: bytes = b"", version: int = 1, length: int | None = None) -> bytes:
    told = header.encode("latin1")
    size = len(told) if length is None else length
    return b"\x93NUMPY" + bytes([version, 0]) + struct.pack("<H" if version == 1 else "<I", size) + told + data


ARRAYS = {"x": SIGNAL.astype(np.uint8), "y": Y, "x_test": SIGNAL[:9].astype(np.uint8), "y_test": Y[:9]}
SOUND = npz(False, **ARRAYS)
Y_NPY = npy("{'descr': '|u1', 'fortran_order': False, 'shape': (90,), }", Y.astype(np.uint8).tobytes())
HEADERS = [
    npy("{'descr': '<f8', 'fortran_order': False, 'shape': (90, 99999999999), }"),
    npy("{'descr': '<f8', 'fortran_order': False, 'shape': (-90, -1), }", bytes(720)),
    npy("{'descr': '<f8', 'fortran_order': False, 'shape': (90, 18446744073709551616), }"),
    npy("{'descr': '<U0', 'fortran_order': False, 'shape': (90, 1000000000000), }"),
    npy("{'descr': '|O', 'fortran_order': False, 'shape': (90, 1), }", bytes(720)),
    npy("{'descr': '<f8', 'fortran_order': False, 'shape': 90, }", bytes(720)),
    npy("{'descr': '<f8', 'shape': (90, 1), }", bytes(720)),
    npy("{'descr': 'nonsense', 'fortran_order': False, 'shape': (90, 1), }", bytes(720)),
    npy("{'descr': '<f8', 'fortran_order': False, 'shape': (90, 1), }" + " " * 60_000, bytes(720)),
    npy("{'descr': '<f8', 'fortran_order': False, 'shape': (90, 1), }", bytes(720), 2, 4_000_000_000),
    npy("{'descr': '<f8', 'fortran_order': False, 'shape': (90, 1), }", bytes(720), 3),
    npy("{'descr': '<f8', 'fortran_order': False, 'shape': (90L, 1L), }", bytes(719)),
    npy("(" * 5000, bytes(720)),
    npy("-" * 9000 + "1", bytes(720)),
    npy("[" * 90 + "]" * 90, bytes(720)),
    npy("'\\d'", bytes(720)),
    npy("__import__('os').system('touch pwned')", bytes(720)),
    npy("", b"", length=0),
    b"\x93NUMPY",
    b"",
    b"\x80\x04\x95 a pickle",
]  # fmt: skip


def damaged() -> list[bytes]:
    """Some hundred files: cut, with bits and bytes changed, with parts of others, and with headers that lie."""
    rng = np.random.default_rng(5)
    files = [b"", b"x", b"PK\3\4", b"PK\5\6" + bytes(18), SOUND[:-1], SOUND[1:], b"a,b\n1,2\n", with_members({})]
    files += [with_members({"x.npy": each, "y.npy": Y_NPY}, packing) for each in HEADERS for packing in (0, 8)]
    files += [with_members({"x.npy": npy("{'descr': '<f8', 'fortran_order': False, 'shape': (90, 1), }", bytes(720)),
                            "y.npy": each}) for each in HEADERS]  # fmt: skip
    names = ["x", "x.npy.gz", "../x.npy", "x/", "é.npy", "\u202ex.npy", "x" * 5000 + ".npy"]
    files += [with_members({name: Y_NPY, "y.npy": Y_NPY}) for name in names]
    for sound in (SOUND, npz(True, **ARRAYS)):
        files += [sound[: int(cut)] for cut in rng.integers(0, len(sound), 60)]
        directory = sound.rindex(b"PK\1\2", 0, sound.index(b"PK\1\2") + 8)
        for low in (0, directory):
            for at in rng.integers(low, len(sound), 110):
                changed = bytearray(sound)
                changed[at] ^= 1 << int(rng.integers(8))
                files.append(bytes(changed))
        for at in rng.integers(0, len(sound) - 40, 40):
            changed = bytearray(sound)
            changed[at : at + 30] = rng.bytes(int(rng.integers(60)))
            files.append(bytes(changed))
    return files


def test_whatever_a_file_holds_it_is_read_or_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In this process: `load` and the reading of samples raise nothing but what `tuner` answers with exit code 4."""
    monkeypatch.chdir(tmp_path)
    Path("c.yaml").write_text("data: {name: arrays, path: fuzzed.npz}")
    ends: Counter[int] = Counter()
    for number, data in enumerate(damaged()):
        Path("fuzzed.npz").write_bytes(data)
        os.utime("fuzzed.npz", ns=(number, number))
        try:
            splits = load_splits(load("c.yaml").dataset)
        except NotFoundError as error:
            ends[error.exit_code] += 1
            assert "fuzzed.npz" in error.message and error.message.isprintable(), number
        else:
            ends[0] += 1
            assert sum(splits.sizes.values()) in (90, 99), number  # the directory may have lost the test part
            assert 0 <= splits.train.y.min() <= splits.train.y.max() < 3
    assert ends.keys() == {0, 4} and ends[4] > 400
    assert not Path("pwned").exists()
