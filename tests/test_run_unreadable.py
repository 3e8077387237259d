"""A run that cannot be read and may be the one asked for is not trained anew without a word."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tuner.asks.diagnose import ask as ask_diagnose
from tuner.config.load import load
from tuner.config.varied import SEEDS
from tuner.errors import NotFoundError
from tuner.members.opening import open_group
from tuner.notebook import find_settings
from tuner.opening import Answered, Request, Session
from tuner.trained import model_of

IRIS = "data: iris\ntraining: {epochs: 1, batch_size: 64}\n"


def break_json(run: Path, name: str) -> None:
    (run / name).write_text("{")


def change_name(run: Path) -> None:
    """One bit: the run seems to be another config's."""
    text = (run / "run.json").read_text()
    (run / "run.json").write_text(text.replace('"name": "c"', '"name": "b"'))


def change_fingerprint(run: Path) -> None:
    about = json.loads((run / "run.json").read_text())
    found = about["identity"]["data_fingerprint"]
    (run / "run.json").write_text((run / "run.json").read_text().replace(found, found[:-1] + "g"))


def lose(run: Path, name: str) -> None:
    (run / name).unlink()
    (run / name).mkdir()


DAMAGE: dict[str, Callable[[Path], None]] = {
    "run.json is no JSON": lambda run: break_json(run, "run.json"),
    "status.json is no JSON": lambda run: break_json(run, "status.json"),
    "run.json is lost": lambda run: (run / "run.json").unlink(),
    "run.json is a folder": lambda run: lose(run, "run.json"),
    "another name": change_name,
    "another fingerprint": change_fingerprint,
}


@pytest.mark.parametrize("is_sealed", [True, False])
@pytest.mark.parametrize(("old", "new"), [("seed:", "sead:"), ("epochs: 1", "epochs: -1"), ("data:", "data: {")])
def test_a_run_whose_config_is_damaged_is_no_bad_config(workplace: Any, old: str, new: str, *, is_sealed: bool) -> None:
    """Whatever reads the settings of a run ends with 4, a bad config that somebody wrote with 2. `is_sealed`: where
    status.json has the checksum of what was written."""
    run = workplace.train(IRIS).run
    text = (run / "config.yaml").read_text()
    (run / "config.yaml").write_text(text.replace(old, new, 1))
    if not is_sealed:
        status = json.loads((run / "status.json").read_text())
        (run / "status.json").write_text(json.dumps({k: v for k, v in status.items() if k not in ("files", "sha256")}))
    asks: dict[str, Callable[[], object]] = {
        "diagnose": lambda: ask_diagnose([str(run)], run.parent),
        "lr-find": lambda: find_settings(str(run)),
        "predict": lambda: model_of(run),
    }
    for what, asked in asks.items():
        with pytest.raises(NotFoundError, match=r"config\.yaml is damaged: ") as refused:
            asked()
        assert refused.value.exit_code == 4, what
    assert find_settings(str(run / "config.yaml")) == str(run / "config.yaml"), "a file is one that somebody may write"


@pytest.mark.parametrize("damage", DAMAGE)
def test_it_is_refused_and_again_trains(workplace: Any, damage: str) -> None:
    run = workplace.train(IRIS).run
    DAMAGE[damage](run)
    for _ in range(2):
        with pytest.raises(NotFoundError, match=r"c-1/(run|status)\.json") as refused:
            workplace.open(IRIS)
        assert "c-1 may be what this command trains" in refused.value.fix
        assert "--again" in refused.value.fix
    assert [path.name for path in workplace.runs.iterdir()] == ["c-1"]
    assert workplace.train(IRIS, again=True).run.name == "c-2"
    assert workplace.open(IRIS).run.path.name == "c-2"  # newer than what cannot be read


def test_a_lock_that_cannot_be_asked_hides_no_run(workplace: Any) -> None:
    events = workplace.begin(IRIS)
    run = next(events).run
    events.close()
    lose(run, "lock")
    with pytest.raises(NotFoundError, match="lock is not a regular file"):
        workplace.open(IRIS)


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_newer_one_counts_and_an_older_one_does_not(workplace: Any, damage: str) -> None:
    first = workplace.train(IRIS).run
    second = workplace.train(IRIS, again=True).run
    saved = Path(shutil.copytree(first, workplace.folder / "saved"))
    DAMAGE[damage](first)
    answered = workplace.open(IRIS)
    assert isinstance(answered, Answered) and answered.run.path == second
    shutil.rmtree(first)
    shutil.copytree(saved, first)
    DAMAGE[damage](second)
    with pytest.raises(NotFoundError, match="c-2"):
        workplace.open(IRIS)


def test_one_of_another_config_is_in_nobodys_way(workplace: Any) -> None:
    break_json(workplace.train(IRIS, "seed=1").run, "run.json")
    assert isinstance(workplace.open(IRIS), Session)
    break_json(workplace.train(IRIS, "seed=2", "name=other").run, "run.json")
    assert isinstance(workplace.open(IRIS), Session)
    (workplace.runs / "c-1" / "config.yaml").unlink()  # nothing tells whose it was
    with pytest.raises(NotFoundError, match="c-1"):
        workplace.open(IRIS)


def test_a_damaged_run_under_its_name(workplace: Any) -> None:
    break_json(workplace.train(IRIS, run_name="mine").run, "run.json")
    with pytest.raises(NotFoundError, match=r"mine/run\.json is damaged"):
        workplace.open(IRIS, run_name="mine")


def group_at(workplace: Any, **request: Any) -> Path | None:
    """The folder of the group that the same command finds."""
    file = workplace.folder / "c.yaml"
    file.write_text(IRIS)
    return open_group(str(file), (), load(str(file)), SEEDS, ((0,), (1,)), Request(workplace.runs, **request)).path


@pytest.mark.parametrize("content", ["{", "{}", '{"name": "c", "created": "2026-01-01", "identity": {}}'])
def test_a_group_that_cannot_be_read(workplace: Any, content: str) -> None:
    folder = workplace.runs / "c-1"
    folder.mkdir(parents=True)
    (folder / "group.json").write_text(content)
    with pytest.raises(NotFoundError, match=r"c-1/group\.json is damaged") as refused:
        group_at(workplace)
    assert "c-1 may be what this command trains" in refused.value.fix
    assert group_at(workplace, again=True) is None
    folder.rename(workplace.runs / "d-1")  # of another name
    assert group_at(workplace) is None


def test_a_group_that_lost_its_group_json(workplace: Any) -> None:
    workplace.runs = workplace.folder / "runs" / "c-1"
    for seed in (0, 1):
        workplace.train(IRIS, f"seed={seed}", run_name=f"seed-{seed}")
    workplace.runs = workplace.folder / "runs"
    with pytest.raises(NotFoundError, match=r"c-1/group\.json is missing") as refused:
        group_at(workplace)
    assert "c-1 may be what this command trains" in refused.value.fix
