"""Families that vary more than the seed: splits, folds, folds by seed; what they are, train, tell and refuse."""

from __future__ import annotations

import json
import os
import re
import shutil
import struct
from pathlib import Path
from typing import Any

import numpy as np
import program
import pytest

from tuner.cli.members import parse_members, parse_seeds
from tuner.config import varied
from tuner.config.load import load
from tuner.config.varied import FOLDS, FOLDS_BY_SEED, SEEDS, SPLITS
from tuner.data.source import Dataset, Description, Raw
from tuner.data.splits import load as read_splits
from tuner.errors import NotFoundError, UsageError
from tuner.events import Ended, EpochDone, Failed, Started, StepsDone, from_json, to_json
from tuner.members import train_group
from tuner.members.opening import open_group
from tuner.members.training import Data
from tuner.opening import Request
from tuner.runs.family import read_group
from tuner.stopping import StopRequests

SMALL = "{data: {name: digits, limit: 200}, model: {hidden: [16], dropout: 0.1}, training: {epochs: 2}}"
RESULT = ("metrics.csv", "best.safetensors", "checkpoints/epoch-0002/model.safetensors")


@pytest.fixture
def workplace(workplace: Any, executor: Any) -> Any:
    workplace.executor = executor
    return workplace


def trained(workplace: Any, asked: dict[str, Any], *overrides: str, text: str = SMALL) -> Path:
    """The folder of the family that these options of `train` ask for, trained."""
    file = workplace.folder / "c.yaml"
    file.write_text(text)
    family = parse_members(asked.get("seeds"), asked.get("splits"), asked.get("folds"))
    assert family is not None
    loaded = load(str(file), overrides, options=family.options)
    request = Request(workplace.runs, argv=("tuner", "train", "-"))
    session = open_group(str(file), overrides, loaded, family.varies, family.keys, request, family.options)
    *_, ended = train_group(session, StopRequests(), workplace.executor)
    assert isinstance(ended, Ended)
    assert ended.status == {"exit_code": 0}
    return ended.run


def result(member: Path) -> list[bytes]:
    return [(member / name).read_bytes() for name in RESULT]


def test_splits_have_the_bytes_of_the_same_seed_and_split_elsewhere(workplace: Any) -> None:
    path = trained(workplace, {"splits": "2"})
    about = json.loads((path / "group.json").read_text())
    assert (about["varies"], about["members"]["split-1"]) == (list(SPLITS), ["data.split_seed=1", "seed=1"])
    seeds = trained(workplace, {"seeds": "1,"}, "data.split_seed=1")
    assert seeds != path
    assert result(path / "split-1") == result(seeds / "seed-1")
    assert result(path / "split-1") == result(workplace.train(SMALL, "seed=1", "data.split_seed=1").run)
    assert result(path / "split-0") != result(path / "split-1")
    origins = json.loads((path / "split-1" / "origins.json").read_text())
    assert (origins["seed"], origins["data.split_seed"]) == ("--splits", "--splits")

    before = result(path / "split-0")
    assert trained(workplace, {"splits": "3"}, "data.split_seed=5") == path  # it varies: what was set does not count
    assert result(path / "split-0") == before
    group = read_group(path)
    assert (group.varies, list(group.runs)) == (SPLITS, [(0, 0), (1, 1), (2, 2)])
    (path / "group.json").unlink()
    assert (read_group(path).varies, list(read_group(path).runs)) == (SPLITS, list(group.runs))
    (path / "split-2" / "config.yaml").write_text((path / "split-2" / "config.yaml").read_text() + "tags: [x]\n")
    assert read_group(path).damaged  # its checksum


def test_folds_test_each_sample_once(workplace: Any) -> None:
    path = trained(workplace, {"folds": 3})
    group = read_group(path)
    assert (group.varies, list(group.runs)) == (FOLDS, [(0,), (1,), (2,)])
    data = [json.loads((run.path / "data.json").read_text()) for run in group.runs.values()]
    assert sum(each["parts"]["test"]["samples"] for each in data) == 1797
    both = trained(workplace, {"folds": 2, "seeds": "0,3"})
    assert sorted(each.name for each in both.iterdir() if each.is_dir()) == [
        "fold-0-seed-0", "fold-0-seed-3", "fold-1-seed-0", "fold-1-seed-3"
    ]  # fmt: skip
    (both / "group.json").unlink()
    assert (read_group(both).varies, list(read_group(both).runs)[1]) == (FOLDS_BY_SEED, (0, 3))


def test_what_differs_in_more_is_no_family(workplace: Any) -> None:
    path = trained(workplace, {"splits": "2"})
    workplace.runs = path
    workplace.train(SMALL, "seed=7", "data.split_seed=7", "optimizer.lr=0.1", run_name="other")
    with pytest.raises(NotFoundError, match=r"split-0 and other differ|other and split-0 differ"):
        read_group(path)


def test_two_runs_of_one_split_are_no_family(workplace: Any) -> None:
    workplace.runs = workplace.folder / "runs" / "mine"
    for split, seed in ((0, 0), (1, 1), (1, 2)):
        name = f"run-{split}-{seed}"
        workplace.train(SMALL, f"seed={seed}", f"data.split_seed={split}", "training.epochs=1", run_name=name)
    with pytest.raises(NotFoundError, match="run-1-1 and run-1-2 have the same split"):
        read_group(workplace.runs)


def test_a_group_from_before_grows(workplace: Any) -> None:
    path = trained(workplace, {"seeds": "2"})
    about = json.loads((path / "group.json").read_text())
    old = {key: value for key, value in about.items() if key not in ("varies", "members")} | {"seeds": [0, 1]}
    (path / "group.json").write_text(json.dumps(old))
    assert (read_group(path).varies, list(read_group(path).runs)) == (SEEDS, [(0,), (1,)])
    assert trained(workplace, {"seeds": "3"}) == path
    now = json.loads((path / "group.json").read_text())
    assert (now["varies"], list(now["members"]), "seeds" in now) == (["seed"], ["seed-0", "seed-1", "seed-2"], False)


@pytest.mark.parametrize(("name", "reads"), [("mnist", 1), ("blobs", 2)])
def test_a_worker_reads_files_once_and_splits_them_anew(tmp_path: Path, name: str, reads: int) -> None:
    (tmp_path / "c.yaml").write_text(f"data: {name}\n")
    known = Description((2,), "class", ("a", "b"), 40, 10)
    data = Data()
    read: list[int] = []
    for split in (0, 0, 1):
        source = load(str(tmp_path / "c.yaml"), [f"data.split_seed={split}"]).dataset.source
        drawn = np.random.default_rng(split if name == "blobs" else 0).integers(0, 9, (50, 2)).astype("uint8")

        def samples(drawn: Any = drawn) -> Raw:
            read.append(1)
            own = name == "mnist"
            y = np.arange(50) % 2
            return Raw(drawn[:40], y[:40], drawn[40:], y[40:]) if own else Raw(drawn, y)

        dataset = Dataset(source, known, samples)
        found, count = data.of(dataset, SPLITS).fingerprint, len(read)
        assert found == read_splits(dataset).fingerprint
        del read[count:]
    assert len(read) == reads


@pytest.mark.parametrize(
    "event",
    [
        StepsDone(1, 2, 3),
        EpochDone({"epoch": 1, "val_loss": None, "lr": 0.1}, True, 0.1, 1e6 / 3),
        Ended(Path("runs/\udcff"), {"test": {}, "best": {"val_loss": 1e-300}}),
        Failed("no", "", 5),
        Started(run=Path("a"), device="cpu", device_model="", threads=1, parameters=1, samples={"train": 1}, epochs=1,
                monitor="val_loss", notes=("one",)),
    ],
    ids=lambda event: type(event).__name__,
)  # fmt: skip
def test_events_come_through_as_they_are(event: Any) -> None:
    assert from_json(to_json(event)) == event


@pytest.mark.parametrize(
    ("varies", "key", "label", "named", "folder"),
    [
        (SEEDS, (3,), 3, "seed 3", "seed-3"),
        (SPLITS, (2, 2), 2, "split 2", "split-2"),
        (SPLITS, (2, 5), "2, 5", "split 2, 5", "split-2"),
        (FOLDS, (0,), 0, "fold 0", "fold-0"),
        (FOLDS_BY_SEED, (2, 1), "2, 1", "fold 2, 1", "fold-2-seed-1"),
        (FOLDS_BY_SEED, (2, 2), "2, 2", "fold 2, 2", "fold-2-seed-2"),
    ],
)
def test_what_members_are_called(varies: Any, key: Any, label: Any, named: str, folder: str) -> None:
    assert (varied.label(varies, key), varied.named(varies, key), varied.folder(varies, key)) == (label, named, folder)


@pytest.mark.parametrize(
    ("text", "seeds"),
    [("3", (0, 1, 2)), ("1", (0,)), ("3,5,8", (3, 5, 8)), ("7,", (7,)), ("2-4,9", (2, 3, 4, 9))],
)
def test_seeds_as_they_are_written(text: str, seeds: tuple[int, ...]) -> None:
    assert parse_seeds(text) == seeds


@pytest.mark.parametrize(
    "text", ["", "0", "-1", "x", "1.5", "3,3", "4-2", "99999999", "0-99999999", ",", "9" * 19 + ","]
)
def test_seeds_that_are_none(text: str) -> None:
    with pytest.raises(UsageError, match="--seeds"):
        parse_seeds(text)


# ---- the commands ----------------------------------------------------------------------------------------------------


def tuner(folder: Path, *words: str, code: int = 0) -> tuple[str, str]:
    """What the command prints on stdout, on stderr."""
    done = program.run(*words, cwd=folder, given={"COLUMNS": "120", "NO_COLOR": "1"})
    assert done.returncode == code, done.stderr
    return done.stdout, done.stderr


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two families of splits, one of folds by seed, one of seeds."""
    folder = tmp_path_factory.mktemp("families")
    (folder / "c.yaml").write_text(SMALL)
    tuner(folder, "train", "c.yaml", "--splits", "2", "--run", "a", "-q")
    tuner(folder, "train", "c.yaml", "optimizer.lr=0.01", "--splits", "2", "--run", "b", "-q")
    tuner(folder, "train", "c.yaml", "--folds", "2", "--seeds", "1", "--run", "f", "-q")
    said = tuner(folder, "train", "c.yaml", "--seeds", "5", "--run", "s")[1]
    assert said.count("a verdict of compare takes 6 seeds, these are 5") == 1
    assert "a verdict" not in tuner(folder, "train", "c.yaml", "--seeds", "5", "--run", "s")[1]
    return folder


def test_commands_say_split_and_fold(filled: Path) -> None:
    assert "runs/a, 2 splits" in tuner(filled, "show", "a")[0]
    assert "\nfold" in tuner(filled, "show", "f")[0]
    [one, two] = json.loads(tuner(filled, "show", "a", "--json")[0])["members"]
    assert (one["split"], two["split"], two["seed"]) == (0, 1, 1)
    head, *lines = tuner(filled, "runs")[0].splitlines()
    assert ("splits" in head, "folds" in head, "seeds" in head, len(lines)) == (True, True, True, 4)
    told = {Path(each["run"]).name: each for each in json.loads(tuner(filled, "runs", "--json")[0])["runs"]}
    assert (told["a"]["splits"], told["f"]["folds"], told["s"]["seeds"]) == ([0, 1], ["0, 0", "1, 0"], [0, 1, 2, 3, 4])
    assert told["b"]["changed"] == {"optimizer.lr": 0.01}
    assert [each["split"] for each in json.loads(tuner(filled, "curves", "a", "--json")[0])["runs"]] == [0, 1]
    assert "mean over 2 splits" in tuner(filled, "early-stop", "a", "--patience", "1")[0]
    diff = tuner(filled, "diff", "a", "b")[0]
    assert "one setting differs: optimizer.lr" in diff
    assert "same settings, splits apart" in tuner(filled, "diff", "a", "a/split-1")[0]


def test_compare_pairs_by_what_both_vary(filled: Path) -> None:
    said = tuner(filled, "compare", "a", "b")[0]
    assert "in pairs of the same split" in said
    assert "tuner train runs/a/split-0/config.yaml --run a --splits 5" in said
    assert "the data (another fingerprint)" not in said
    told = json.loads(tuner(filled, "compare", "a", "b", "--json")[0])
    assert set(told["groups"]["a"]["splits"]) == set(told["differences"][0]["splits"]) == {"0", "1"}
    refused = tuner(filled, "compare", "a", "s", code=2)[1]
    assert "cannot be paired: the runs of the one differ in their split, those of the other in their seed" in refused


def test_what_an_option_takes_the_place_of_is_said(filled: Path) -> None:
    config = str(filled / "runs" / "a" / "split-0" / "config.yaml")  # it says `test: 0.2`, as every config of a run
    said = tuner(filled, "train", config, "--folds", "2", "--run", "of-a-run")[1]
    assert re.search(r"note    data\.test \(\S+:[0-9]+\) falls away: data\.fold takes its place \(--folds 2\)\n", said)
    origins = json.loads((filled / "runs" / "of-a-run" / "fold-1" / "origins.json").read_text())
    assert origins["data.test"].endswith("; fell away: data.fold takes its place (--folds)")
    said = tuner(filled, "train", "c.yaml", "data.split_seed=4", "seed=3", "--splits", "2", "--run", "a2")[1]
    for key, value in (("data.split_seed", 4), ("seed", 3)):
        assert f"{key}: {value} (override: {key}={value}) does not count: it is set again (--splits 2)\n" in said
    log = (filled / "runs" / "a2" / "split-1" / "log.txt").read_text()
    assert log.count("does not count") == 2  # not what the family itself sets and its member sets again
    shutil.rmtree(filled / "runs" / "of-a-run")
    shutil.rmtree(filled / "runs" / "a2")


@pytest.fixture
def own_test(tmp_path: Path) -> Path:
    """A data folder with files like MNIST's, and c.yaml beside it."""
    folder = tmp_path / "MNIST" / "raw"
    folder.mkdir(parents=True)
    for name, count in (("train", 60_000), ("t10k", 10_000)):
        labels = (np.arange(count) % 10).astype(np.uint8)
        (folder / f"{name}-labels-idx1-ubyte").write_bytes(struct.pack(">4BI", 0, 0, 8, 1, count) + labels.tobytes())
        pictures = folder / f"{name}-images-idx3-ubyte"
        pictures.write_bytes(struct.pack(">4B3I", 0, 0, 8, 3, count, 28, 28))
        os.truncate(pictures, 16 + count * 784)
    root = f"{{name: mnist, root: {tmp_path}, limit: 100, validation: 0.01}}"
    (tmp_path / "c.yaml").write_text(f"data: {root}\nmodel: {{hidden: [4]}}\ntraining: {{epochs: 1}}\n")
    return tmp_path


def test_splits_say_that_they_share_a_test_part(own_test: Path) -> None:
    shared = "all splits are tested on the same samples, mnist's own test part, and a verdict on a test metric holds on"
    said = tuner(own_test, "train", "c.yaml", "--splits", "2")[1]
    assert f"note    {shared} these; only which of the other samples train and which validate varies\n" in said
    same = " these; the training samples are all the others, too: nothing varies but the seed"
    config = load(str(own_test / "c.yaml"), ["data.limit=null", "data.validation=0", "training.monitor=train_loss"])
    assert varied.shared_test(SPLITS, config.resolved) == shared + same
    assert shared not in tuner(own_test, "train", "c.yaml", "--seeds", "2")[1]


def test_what_is_refused(filled: Path) -> None:
    assert (
        "--splits does not go together with --seeds"
        in tuner(filled, "train", "c.yaml", "--splits", "2", "--seeds", "2", code=2)[1]
    )
    assert (
        "--splits does not go together with --folds"
        in tuner(filled, "train", "c.yaml", "--splits", "2", "--folds", "2", code=2)[1]
    )
    assert "--splits x is no number of splits" in tuner(filled, "train", "c.yaml", "--splits", "x", code=2)[1]
    assert "--folds is a number from 2" in tuner(filled, "train", "c.yaml", "--folds", "1", code=2)[1]
    said = tuner(filled, "train", "mnist-cnn", "--folds", "3", code=2)[1]
    assert said.startswith("--folds 3: data.fold: unknown key fold in data (mnist)")
    assert "mnist has a test part of its own; --splits 8 or --seeds 6 trains several runs" in said
    said = tuner(filled, "train", "c.yaml", "data.test=0.3", "--folds", "3", code=2)[1]
    assert "data.fold is the test part: leave test out" in said
    said = tuner(filled, "train", "c.yaml", "--seeds", "2", "--run", "a", code=2)[1]
    assert "the runs in runs/a differ in their split, not in their seed" in said
