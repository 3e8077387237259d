"""card.json in a run folder: written once, read back, remembered for the next run on the same data."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tuner.errors import NotFoundError
from tuner.runs.card import read_card
from tuner.runs.files import WRITTEN_ONCE, faults
from tuner.runs.folder import glance
from tuner.stopping import Stop, StopRequests

SHORT = "\nmodel: {hidden: [8]}\ntraining: {epochs: 1, batch_size: 32, device: cpu}\n"
OLDER = Path(__file__).parent / "cases" / "format-1"


@pytest.fixture(autouse=True)
def remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where cards are remembered."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "tuner" / "cards"


def test_a_run_has_a_card_under_a_checksum(workplace: Any) -> None:
    path = workplace.train("data: iris" + SHORT).run
    run, told = glance(path), json.loads((path / "card.json").read_text())
    card = read_card(run)
    assert card is not None and "card.json" in run.told.files
    assert (told["format"], tuple(told["prior"]["shares"])) == (1, card.prior.shares)
    assert card.prior.shares == (0.333333,) * 3 and card.inputs.features == 4
    assert card.scores.linear.train is not None and card.scores.linear.train > 0.97
    assert card == workplace.open("data: iris" + SHORT, again=True).splits.card


def test_the_same_data_has_the_same_bytes_whatever_is_trained(workplace: Any) -> None:
    runs = [workplace.train("data: digits" + SHORT, *more).run for more in ((), ("seed=1", "optimizer.lr=0.1"))]
    one, other = ((run / "card.json").read_bytes() for run in runs)
    assert one == other
    split = workplace.train("data: digits" + SHORT, "data.split_seed=1").run
    assert (split / "card.json").read_bytes() != one


def test_it_is_made_once_for_the_same_data(workplace: Any, remembered: Path) -> None:
    text = "data: digits" + SHORT
    first = workplace.open(text, again=True).splits.card
    (place,) = remembered.iterdir()
    told = json.loads(place.read_text())
    told["equal"]["train"] = 12345
    place.write_text(json.dumps(told))
    second = workplace.open(text, "seed=1", again=True).splits.card
    assert second.equal.train == 12345 and second.scores == first.scores, "it was made anew"
    workplace.open(text, "data.split_seed=1", again=True).splits.card  # noqa: B018
    assert len(list(remembered.iterdir())) == 2


@pytest.mark.parametrize("damage", ["", "{", "[]", "{}", '{"prior": 1}'])
def test_a_damaged_one_in_the_cache_is_made_anew(workplace: Any, remembered: Path, damage: str) -> None:
    text = "data: digits" + SHORT
    card = workplace.open(text, again=True).splits.card
    (place,) = remembered.iterdir()
    whole = place.read_text()
    place.write_text(damage)
    assert workplace.open(text, again=True).splits.card == card
    assert place.read_text() == whole


def test_of_little_data_none_is_remembered(workplace: Any, remembered: Path) -> None:
    assert workplace.open("data: iris" + SHORT, again=True).splits.card.scores.samples == 108
    assert not remembered.exists()


def test_of_an_older_run_there_is_none(tmp_path: Path) -> None:
    shutil.copytree(OLDER / "finished", tmp_path / "finished")
    assert read_card(glance(tmp_path / "finished")) is None


TABLE = "y,colour,size\n" + "".join(f"{'ab'[row % 2]},{'red' if row % 3 else ''},{row % 2 * 10 + row % 7}\n"
                                    for row in range(60))  # fmt: skip


@pytest.mark.parametrize(
    ("data", "lines"),
    [
        ("digits", ["- data: digits: 1,294 train, 144 validation, 359 test", "- sample: 1 x 8 x 8",
                    "- target: class, 10 classes: 6 is 10.1% of the training samples, 8 9.7%",
                    "- inputs: from 0 to 16 as stored, sd 6.011",
                    "- equal: samples held out that stand among the training samples, too: none",
                    "- shift: test: pixel 0,2,1 lies 0.1683 sd from the training part, as it may by chance",
                    "| a linear model | 0.9629 | 0.9167 |", "| digits-cnn, mean of 5 runs | 1.0000 | 0.9972 |"]),
        ("diabetes", ["- sample: 10 inputs of 10 columns", "- target: number: mean 150.3, sd 76.65",
                      "| model | train_r2 | val_r2 |", "| always the same answer | 0.0000 | -0.0268 |"]),
        ("{name: table, path: FILE, target: y, duplicates: keep}",
         ["- data: table: 43 train, 5 validation, 12 test", "- sample: 3 inputs of 2 columns",
          "- inputs: from 0 to 16 as stored, sd 5.374; 1 column with missing values",
          "- equal: samples held out that stand among the training samples, too: 4 of validation, 9 of test",
          "- equal: 18 training samples repeat an earlier one",
          "- caution: size alone tells the target: 1", "| colour | category | 2 | 20 |"]),
    ],
)  # fmt: skip
def test_what_it_says_is_shown(workplace: Any, data: str, lines: list[str]) -> None:
    from tuner.asks.show import ask
    from tuner.render.forms.md import show

    file = workplace.folder / "my.csv"
    file.write_text(TABLE)
    loss = "\nloss: mse" if data == "diabetes" else ""
    run = workplace.train(f"data: {data.replace('FILE', str(file))}{loss}{SHORT}").run
    answer = ask(str(run), "data", workplace.runs)
    assert answer.data["card"]["scores"]["metric"] == ("r2" if loss else "accuracy")
    there = show(answer).replace("**", "").splitlines()
    assert [line for line in lines if line not in there] == []


def test_a_run_without_one_that_goes_on_gets_one(workplace: Any) -> None:
    text, stop = "data: iris\nmodel: {hidden: [8]}\ntraining: {epochs: 4, batch_size: 32}\n", StopRequests()
    for event in workplace.begin(text, stop=stop):
        if type(event).__name__ == "EpochDone":
            stop.ask(Stop("enough", None))
    path = workplace.runs / "c-1"
    whole = (path / "card.json").read_bytes()
    (path / "card.json").unlink()
    status = json.loads((path / "status.json").read_text())
    (path / "status.json").write_text(json.dumps({k: v for k, v in status.items() if k not in ("files", "sha256")}))
    assert workplace.train(text).status["state"] == "finished"
    assert (path / "card.json").read_bytes() == whole
    assert not list(faults(path, glance(path).told, WRITTEN_ONCE))


def test_a_changed_or_missing_one_is_damage(workplace: Any) -> None:
    path = workplace.train("data: iris" + SHORT).run
    whole = (path / "card.json").read_bytes()
    (path / "card.json").write_bytes(whole.replace(b"0.333333", b"0.333334"))
    with pytest.raises(NotFoundError, match=r"card\.json is damaged: it is not what was written") as caught:
        read_card(glance(path))
    assert caught.value.exit_code == 4
    (path / "card.json").unlink()
    with pytest.raises(NotFoundError, match=r"card\.json is missing"):
        read_card(glance(path))


@pytest.mark.parametrize(
    ("change", "told"), [({"equal": {}}, "is not what tuner writes"), ({"format": 2}, "later tuner")]
)
def test_what_tuner_does_not_write_is_damage(workplace: Any, change: dict[str, Any], told: str) -> None:
    path = workplace.train("data: iris" + SHORT).run
    card = json.loads((path / "card.json").read_text())
    (path / "card.json").write_text(json.dumps({**card, **change}))
    status = json.loads((path / "status.json").read_text())
    (path / "status.json").write_text(json.dumps({k: v for k, v in status.items() if k not in ("files", "sha256")}))
    with pytest.raises(NotFoundError, match=rf"card\.json.*{told}|{told}"):
        read_card(glance(path))
