"""Runs are called as people call them, in any script: such a folder can be made, listed and found again."""

from __future__ import annotations

import json
import os
import subprocess
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from making import create

from tuner.asks.runs import Query, list_runs
from tuner.config.load import load
from tuner.errors import ConfigError, NotFoundError, UsageError
from tuner.runs import find as run_find
from tuner.runs import folder as run_folder
from tuner.runs import identity as run_identity

STEMS = {
    "конфиг": "конфиг",
    "配置": "配置",
    "Café": "Café",
    unicodedata.normalize("NFD", "Ёлка"): "Ёлка",
    "هدف": "هدف",
    "हिन्दी": "हिन्दी",
    "🚀": "🚀",
    "mnist-cnn.v2_b": "mnist-cnn.v2_b",
    "a b": "a-b",
    "a\u2003b": "a-b",  # another space
    "a\u202eb": "a-b",  # turns the text around
    "запуск (копия)": "запуск-копия",
    "$(rm -rf ~)": "rm--rf",
    "-x": "x",
    "..": "run",
    "a\nb": "a-b",
    "a/b": "a-b",
    "\udcff": "run",  # a byte that is no text
    "配" * 300: "配" * 64,
    "🚀" * 64: "🚀" * 60,
}
SMALL = "{data: {name: digits, limit: 150}, model: {name: mlp, hidden: [4]}, training: {epochs: 1, threads: 1}}"
Write = Callable[..., Path]


def decomposed(text: str) -> str:
    return unicodedata.normalize("NFD", text)


def files(name: str) -> dict[str, bytes]:
    identity = run_identity.Identity("c" * 64, "d" * 64, "cpu", "AMD EPYC", "AVX512", 1, "2.10.0", "0.1.0").as_json()
    about = {"format": 1, "name": name, "created": "2026-01-02T03:04:05+00:00", "identity": identity}
    return {"run.json": json.dumps(about).encode()}


@given(st.text(st.characters(codec=None), max_size=300) | st.sampled_from(list(STEMS)))
@settings(max_examples=150, deadline=None)
def test_any_stem_becomes_a_name_under_which_a_run_is_made_and_found(
    tmp_path_factory: pytest.TempPathFactory, stem: str
) -> None:
    from tuner.paths import is_run_name, run_name

    name = run_name(stem)
    assert is_run_name(name) and run_name(name) == name == run_name(decomposed(stem))
    assert len(os.fsencode(f"{name}-{10**9}")) <= 255
    place = tmp_path_factory.mktemp("runs")
    made = create(place, name, None, files(name))
    assert made.name == f"{name}-1" and run_folder.glance(made).name == name
    for reference in (name, made.name, decomposed(name), decomposed(made.name)):
        assert run_find.resolve(reference, place) == made
    assert create(place, name, None, files(name)).name == f"{name}-2"
    made.rename(place / decomposed(made.name))  # as some file systems and archives do
    assert run_find.resolve(made.name, place) == place / decomposed(made.name)


@pytest.mark.parametrize(("stem", "name"), STEMS.items())
def test_a_config_without_a_name_is_called_after_its_file(stem: str, name: str, tmp_path: Path) -> None:
    assert load("c.yaml", default_name=stem, given=b"seed: 0").config.name == name


def test_a_shell_takes_every_name_as_it_is() -> None:
    names = [load("c.yaml", default_name=stem, given=b"seed: 0").config.name for stem in STEMS]
    assert set(names) & {"конфиг", "配置", "🚀"}
    done = subprocess.run(["bash", "-c", f"printf '%s\\n' {' '.join(names)}"], capture_output=True, check=True)
    assert done.stdout.decode().splitlines() == names


def test_a_name_in_a_config_is_kept_in_its_normal_form_and_what_cannot_be_one_is_refused(tmp_path: Path) -> None:
    assert load("c.yaml", given=f"name: {decomposed('Ёлка')}".encode()).config.name == "Ёлка"
    for bad in ("a b", "a\u2003b", "-x", ".x", "a/b", "配" * 65, "🚀" * 61, "a$b"):
        with pytest.raises(ConfigError) as error:
            load("c.yaml", [f"name={json.dumps(bad, ensure_ascii=False)}"], given=b"seed: 0")
        (fault,) = error.value.faults
        assert (fault.key, bool(fault.suggestion)) == ("name", True)
        assert load("c.yaml", given=f"name: {fault.suggestion}".encode()).config.name == fault.suggestion


@pytest.mark.parametrize("stem", ["конфиг", "配置", "Ёлка"])
def test_a_real_run_of_such_a_config_goes_on_and_is_listed(stem: str, workplace: Any) -> None:
    from tuner.opening import Answered, Request, open_session
    from tuner.stopping import StopRequests
    from tuner.train import train

    file = workplace.folder / f"{decomposed(stem)}.yaml"
    file.write_text(SMALL)

    def opened() -> Any:
        return open_session(load(str(file)), Request(workplace.runs, argv=("tuner", "train")))

    ended: Any = list(train(opened(), StopRequests()))[-1]
    assert ended.run == workplace.runs / f"{stem}-1"
    assert ended.status["next"] == f"tuner curves {ended.run}"
    assert isinstance(opened(), Answered)
    assert run_find.resolve(stem, workplace.runs) == ended.run
    listing = list_runs(workplace.runs, Query([f"name={decomposed(stem)}"]))
    assert [entry.name for entry in listing.found] == [stem]


def test_every_folder_that_can_be_read_is_listed(tmp_path: Path, write_run: Write) -> None:
    odd = [
        "my run",
        "a;b $(x)",
        "-x",
        ".hidden",
        "x" * 255,
        "line\nbreak",
        decomposed("Ёлка"),
        "配 置",
        "\udcff",
        "@1",
        "a=b",
    ]
    for name in odd:
        write_run(tmp_path / "runs/plain", [{"epoch": 1, "val_loss": 1.0}], best_epoch=1)
        (tmp_path / "runs/plain").rename(tmp_path / "runs" / name)
    write_run(tmp_path / "runs/my group/seed-0", [{"epoch": 1, "val_loss": 1.0}], best_epoch=1)
    listing = list_runs(tmp_path / "runs", Query())
    assert {path.name for path in listing.paths()} == {*odd, "my group"}
    assert {entry.state for entry in listing.everything} == {"finished"}
    for name in odd:
        assert run_find.resolve(name, tmp_path / "runs").name == name
    assert run_find.resolve("my group/seed-0", tmp_path / "runs") == tmp_path / "runs/my group/seed-0"


@pytest.mark.parametrize("name", ["../outside", "..", ".", "", "/", "in/../../outside", "\0"])
def test_a_reference_does_not_lead_out_of_the_runs(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write_run: Write
) -> None:
    write_run(tmp_path / "outside", [{"epoch": 1, "val_loss": 1.0}], best_epoch=1)
    (tmp_path / "runs").mkdir()
    (tmp_path / "here/deep").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "here/deep")
    with pytest.raises(NotFoundError):
        run_find.resolve(name, tmp_path / "runs")


@pytest.mark.parametrize("name", ["a b", ".x", "-x", "a/b", "x" * 65, "a\u0301 ", "a$b"])
def test_a_new_run_is_not_called_what_cannot_be_typed(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot name a run"):
        create(tmp_path, "c", name, files("c"))
    assert list(tmp_path.iterdir()) == []
