"""Many runs on one axis: means and bands of groups, smoothing, axes, what is said of what is not drawn."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from tuner.answer import Chart
from tuner.asks.curves import (
    ask,
    captions,
    known_metrics,
    metric_panel,
    not_drawn,
    run_panels,
    shared_panel,
    usual_metrics,
)
from tuner.asks.curves.tracks import Member, Track, View, distinct, positions, series_of, smoothed
from tuner.chart import Line, Panel, Pen
from tuner.errors import NotFoundError, UsageError
from tuner.render.chart.figure import MARKERS, PALETTE, STROKES
from tuner.render.chart.image import image_of
from tuner.render.chart.terminal import Drawing, chart, letter_of, mark_of
from tuner.render.forms import csv
from tuner.runs.family import find_group
from tuner.runs.files import Row

CASES = Path(__file__).parent / "cases" / "curves"
Write = Callable[..., Path]
Draw = Callable[..., None]
FINITE = st.floats(-1e6, 1e6)


def track(rows: list[Row], name: str = "", best: int | None = None) -> Track:
    """A single run's."""
    return Track(name, [Member(rows)], best=best)


def rows(*losses: float | None, start: float = 0.5, steps: int = 10) -> list[Row]:
    """Rows with these losses on validation data."""
    return [
        {
            "epoch": epoch,
            "step": epoch * steps,
            "lr": 0.1,
            "train_loss": None if loss is None else loss / 2,
            "train_accuracy": min(1.0, start + epoch / 20),
            "val_loss": loss,
            "val_accuracy": min(1.0, start + epoch / 25),
        }
        for epoch, loss in enumerate(losses, 1)
    ]


def group(*losses: list[float | None], name: str = "adam") -> Track:
    return Track(name, [Member(rows(*each)) for each in losses], is_group=True, about="mean of some", family=name)


@pytest.fixture
def place(workplace: Any, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory."""
    monkeypatch.chdir(workplace.folder)
    monkeypatch.setenv("COLUMNS", "100")
    return Path(workplace.folder)


@pytest.fixture
def two_groups(place: Path, write_run: Write) -> Path:
    """The groups adam (3 seeds) and sgd (4 seeds, of which one diverged and one stopped)."""
    for seed in range(3):
        falling = [2 / epoch + 0.1 * seed for epoch in range(1, 9)]
        write_run(place / f"runs/adam/seed-{seed}", rows(*falling), f"seed={seed}", seconds=[1.0 + seed] * 8)
    ends = {0: (8, "finished"), 1: (3, "diverged"), 2: (8, "finished"), 3: (6, "stopped")}
    for seed, (epochs, state) in ends.items():
        falling = [3 - 0.2 * epoch + 0.2 * seed for epoch in range(1, epochs + 1)]
        write_run(
            place / f"runs/sgd/seed-{seed}",
            rows(*falling, start=0.3),
            f"seed={seed}",
            "optimizer=sgd",
            seconds=[1.0] * epochs,
            state=state,
        )
    return place


# ---- means, bands, smoothing, axes -------------------------------------------------------------------------------


@given(st.lists(st.lists(st.one_of(FINITE, st.none(), st.just(math.nan)), max_size=6), min_size=1, max_size=5))
def test_a_group_is_the_mean_of_the_members_that_are_there(losses: list[list[float | None]]) -> None:
    series = series_of(group(*losses), "val_loss", View())
    for place, epoch in enumerate(series.epochs):
        there = [each[epoch - 1] for each in losses if len(each) >= epoch]
        values = [value for value in there if value is not None and not math.isnan(value)]
        assert series.counts[place] == len(values)
        assert series.band[place] == ((min(values), max(values)) if values else None)
        expected = sum(values) / len(values) if values else None
        assert series.y[place] == (pytest.approx(expected, abs=1e-6) if values else None)


@given(st.lists(FINITE, max_size=30), st.floats(0, 0.999))
def test_smoothing_is_the_moving_average_of_adam(values: list[float], share: float) -> None:
    found = smoothed(values, share)
    moment = 0.0
    for place, value in enumerate(values):
        moment = share * moment + (1 - share) * value
        assert found[place] == pytest.approx(moment / (1 - share ** (place + 1)), rel=1e-6, abs=1e-3)
    assert smoothed(values[:7], share) == found[:7]
    assert smoothed(values, 0) == values


def test_members_are_smoothed_before_their_mean_is_taken() -> None:
    adam = group([4.0, 2.0, 2.0], [4.0, 2.0])
    series = series_of(adam, "val_loss", View(smooth=0.5))
    after_two = (4 * 0.5 + 2) / 1.5
    assert series.y == pytest.approx([4, after_two, (4 * 0.25 + 2 * 0.5 + 2) / 1.75])
    assert series.raw == [4, 2, 2]
    assert series.counts == [2, 2, 1]


def test_a_gap_is_kept_and_does_not_weigh() -> None:
    series = series_of(track(rows(4.0, math.nan, 2.0)), "val_loss", View(smooth=0.5))
    assert series.y == [4.0, None, pytest.approx((4 * 0.5 + 2) / 1.5)]


@given(st.lists(st.lists(st.floats(0.01, 100), min_size=1, max_size=6), min_size=1, max_size=4))
def test_time_never_goes_back(seconds: list[list[float]]) -> None:
    members = [Member(rows(*[1.0] * len(each)), dict(enumerate(each, 1))) for each in seconds]
    epochs = list(range(1, max(map(len, seconds)) + 1))
    times = positions(Track("group", members, True), View("time"), epochs)
    assert all(after > before for before, after in pairwise([0.0, *times]))
    if len(seconds) == 1:
        assert times[-1] == pytest.approx(sum(seconds[0]))


@pytest.mark.parametrize(
    ("seconds", "label", "last"), [(1.0, "time (s)", 3.0), (600.0, "time (min)", 30.0), (7200.0, "time (h)", 6.0)]
)
def test_times_have_a_unit_that_suits_them(seconds: float, label: str, last: float) -> None:
    run = Track("a", [Member(rows(3, 2, 1), dict.fromkeys((1, 2, 3), seconds))], best=2)
    panel = run_panels(run, View.of([run], "time"))[0]
    assert panel.x_label == label
    assert panel.lines[0].x[-1] == pytest.approx(last)
    assert panel.best_at == pytest.approx(last * 2 / 3)
    assert not panel.whole


def test_steps_put_the_best_epoch_at_its_step() -> None:
    panel = metric_panel(track(rows(3, 2, 1, steps=7), best=2), "loss", View("step"))
    assert [list(line.x) for line in panel.lines] == [[7, 14, 21]] * 2
    assert (panel.best, panel.best_at, panel.x_label) == (2, 14, "step")


@pytest.mark.parametrize(("asked", "is_log"), [(None, False), (True, True), (False, False)])
def test_the_axis_is_logarithmic_where_it_is_asked_for(asked: bool | None, is_log: bool) -> None:
    assert metric_panel(track(rows(3, 2, 1)), "loss", View(log=asked)).log is is_log
    far = metric_panel(track(rows(300, 2, 1)), "loss", View(log=asked))
    assert far.log is (asked is not False)


# ---- which panels and lines --------------------------------------------------------------------------------------


def test_several_runs_are_drawn_on_validation_data() -> None:
    tracks = [track(rows(2, 1), "a"), track(rows(3, 2), "b")]
    assert usual_metrics(tracks) == ["val_loss", "val_accuracy"]
    held_out = [{key: value for key, value in row.items() if "val" not in key} for row in rows(2, 1)]
    assert usual_metrics([track(held_out, "c")]) == ["train_loss", "train_accuracy"]
    number = [{"epoch": 1, "val_loss": 2.0, "val_r2": 0.1, "val_mae": 3.0}]
    watching = Track("d", [Member(number)], monitor="val_mae")
    assert usual_metrics([tracks[0], watching]) == ["val_loss", "val_accuracy", "val_mae"]


def test_a_metric_without_its_part_is_both_in_one_colour() -> None:
    tracks = [track(rows(2, 1), name) for name in "ab"]
    panel = shared_panel(tracks, "loss")
    assert [line.label for line in panel.lines] == ["a, validation", "a, train", "b, validation", "b, train"]
    pens = panel.pens()
    assert pens[0].color == pens[1].color != pens[2].color == pens[3].color
    assert pens[0].stroke == pens[2].stroke != pens[1].stroke == pens[3].stroke


def drawn(pen: Pen) -> tuple[str, str, str]:
    """What an image shows of a pen."""
    mark = MARKERS[pen.mark % len(MARKERS)] if pen.mark else ""
    return PALETTE[pen.color % len(PALETTE)], STROKES[pen.stroke % len(STROKES)], mark


@given(st.integers(2, 24), st.integers(1, 8), st.booleans())
def test_up_to_24_lines_are_told_apart(count: int, families: int, both: bool) -> None:
    tracks = [Track(f"run-{index}", [Member(rows(2, 1))], family=str(index % families)) for index in range(count)]
    if both and count > 12:
        with pytest.raises(UsageError, match=f"{2 * count} lines of loss"):
            shared_panel(tracks, "loss")
        return
    panel = shared_panel(tracks, "loss" if both else "val_loss")
    pens = panel.pens()
    assert len(panel.lines) == count * (2 if both else 1)
    assert len(set(map(drawn, pens))) == len(pens)
    assert len(set(map(mark_of, pens))) == len(set(map(letter_of, pens))) == len(pens)


def test_more_than_24_lines_are_refused() -> None:
    tracks = [track(rows(2, 1), f"run-{index}") for index in range(25)]
    with pytest.raises(UsageError, match="25 lines of val_loss cannot be told apart: 24 at most"):
        shared_panel(tracks, "val_loss")


def test_members_of_several_groups_share_their_groups_colour() -> None:
    tracks = [Track(f"{name}/{seed}", [Member(rows(2, 1))], family=name) for name in "ab" for seed in range(6)]
    panel = shared_panel(tracks, "val_loss")
    assert [pen.color for pen in panel.pens()] == [0] * 6 + [1] * 6


@given(
    st.lists(
        st.lists(st.sampled_from(["a", "b", "seed-0"]), min_size=1, max_size=4).map(tuple), min_size=1, unique=True
    )
)
def test_labels_are_short_and_tell_apart(parts: list[tuple[str, ...]]) -> None:
    paths = [Path("/runs", *part) for part in parts]
    labels = distinct(paths)
    assert len(set(labels)) == len(labels)
    assert all(f"/{path}".endswith(f"/{label.lstrip('/')}") for path, label in zip(paths, labels, strict=True))
    if len({path.name for path in paths}) == len(paths) and not any(path.name == "seed-0" for path in paths):
        assert labels == [path.name for path in paths]


def test_neighbours_are_named_alike() -> None:
    paths = [Path("runs", name) for name in ("base", "adam/seed-0", "adam/seed-1", "sgd/seed-0")]
    assert distinct(paths) == ["base", "adam/seed-0", "adam/seed-1", "sgd/seed-0"]
    assert distinct(paths[1:3]) == ["seed-0", "seed-1"]
    assert distinct([paths[0], paths[3]]) == ["base", "sgd/seed-0"]
    assert distinct([Path("a/x"), Path("a/y"), Path("b/x")]) == ["a/x", "a/y", "b/x"]


# ---- what is said ------------------------------------------------------------------------------------------------


def test_a_group_whose_seeds_agree_has_a_flat_line() -> None:
    adam = group([3, 2], [3, 2], [3, 2])
    assert series_of(adam, "lr", View()).y == [0.1, 0.1]
    assert [panel.title for panel in run_panels(adam)] == ["loss", "accuracy"]


def test_it_is_said_where_the_mean_is_of_fewer_seeds() -> None:
    adam = group([3, 2, 1, 1], [3, 2], [3, 2, 1])
    said = captions([adam], ["val_loss", "val_accuracy"], View())
    assert said == [
        "A group's line is the mean over its seeds, its band goes from the lowest to the highest.",
        "adam: the mean is of 3 seeds, of 2 from epoch 3, of 1 from epoch 4.",
    ]
    panel = shared_panel([adam, group([2, 2], name="sgd")], "val_loss")
    assert [(x, members) for x, _, members in panel.lines[0].changes] == [(3, 2), (4, 1)]
    assert not panel.lines[1].changes


def test_metrics_that_are_there_in_different_epochs_are_told_apart() -> None:
    adam = group([3, 2], [3, math.nan])
    said = captions([adam], ["val_loss", "val_accuracy"], View())
    assert said[1:] == ["adam, val_loss: the mean is of 2 seeds, of 1 from epoch 2."]


def test_a_seed_without_an_epoch_counts_as_missing() -> None:
    adam = Track("adam", [*group([3, 2], [3, 2]).members, Member(())], True)
    assert captions([adam], ["val_loss"], View())[1:] == ["adam: the mean is of 2 of 3 seeds."]


def test_many_ends_are_told_in_short() -> None:
    adam = group(*[list[float | None]([3.0]) * length for length in range(2, 12)])
    assert captions([adam], ["val_loss"], View())[1:] == [
        "adam: the mean is of 10 seeds at first, of 1 at the end (epoch 11)."
    ]


def test_it_is_said_what_is_not_drawn() -> None:
    tracks = [track(rows(1, 0, -1), "a"), track(rows(math.nan), "b"), track([{"epoch": 1, "val_r2": 1}], "c")]
    assert not_drawn(tracks, ["val_loss"], View(log=True)) == [
        "not drawn: c: no val_loss",
        "not drawn: b: no finite val_loss",
        "not drawn: 2 values of val_loss at or below 0: the axis is logarithmic",
    ]
    assert known_metrics(tracks[2:]) == ["val_r2", "r2"]


# ---- the command -------------------------------------------------------------------------------------------------


def golden(name: str, text: str, update: bool) -> None:
    """Compares with the text in tests/cases/curves; with --update-golden writes it."""
    file = CASES / name
    if update:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    assert text == file.read_text()


GOLDEN: dict[str, tuple[list[str], dict[str, Any]]] = {
    "members.csv": (["adam", "sgd"], {"members": True, "metrics": ["val_loss"]}),
    "one-group-over-time.csv": (["sgd"], {"axis": "time"}),
    "both-parts.csv": (["adam", "sgd/seed-1"], {"metrics": ["loss"], "axis": "step"}),
    "smoothed.csv": (["adam/seed-1", "sgd/seed-3"], {"smooth": 0.6, "metrics": ["val_loss", "lr"], "log": True}),
}


@pytest.mark.parametrize("name", GOLDEN)
def test_points_and_captions(name: str, two_groups: Path, update_golden: bool) -> None:
    runs, options = GOLDEN[name]
    answer = ask([find_group(run, Path("runs")) for run in runs], **options)
    captions = [f"# {note}\n" for block in answer.blocks if isinstance(block, Chart) for note in block.notes]
    golden(name, "".join([csv.show(answer), *captions]), update_golden)


def test_a_golden_text(draw: Draw, two_groups: Path, capsys: pytest.CaptureFixture[str], update_golden: bool) -> None:
    draw("adam", "sgd")
    out, err = capsys.readouterr()
    assert max(cell_len(line) for line in out.splitlines() if not line.endswith(".")) <= 100  # but for sentences
    golden("groups.txt", f"{out}---- stderr\n{err}", update_golden)


def test_without_a_target_no_picture_is_made(draw: Draw, two_groups: Path) -> None:
    draw("adam", "sgd", quiet=True)
    draw("adam", quiet=True)
    draw("adam/seed-0", axis="step", quiet=True)
    draw("adam/seed-0", smooth=0.5, quiet=True)
    draw("adam/seed-0", log=True, quiet=True)
    assert list(two_groups.rglob("*.png")) == []


@pytest.mark.parametrize("kind", ["png", "svg"])
def test_the_same_runs_make_the_same_bytes(
    draw: Draw, kind: str, two_groups: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("one", "two"):
        draw("adam", "sgd", output=Path(f"{name}.{kind}"), smooth=0.3, quiet=True)
    assert capsys.readouterr().out == f"one.{kind}\ntwo.{kind}\n"
    assert Path(f"one.{kind}").read_bytes() == Path(f"two.{kind}").read_bytes()
    if kind == "svg":
        svg = Path("one.svg").read_text()
        labels = ("adam (mean of 3 seeds)", "sgd (mean of 4 seeds, 1 diverged, 1 stopped)", "validation loss")
        assert all(f"<!-- {label} -->" in svg for label in labels)
        assert "A group's line is the mean over its seeds, its band goes from the lowest to the highest." in svg
        assert "sgd: the mean is of 4 seeds, of 3 from epoch 4, of 2 from epoch 7." in svg


def test_rows_of_each_run_as_json(draw: Draw, two_groups: Path, capsys: pytest.CaptureFixture[str]) -> None:
    draw("adam", "sgd/seed-1", json=True)
    data = json.loads(capsys.readouterr().out)
    assert [(run["run"], run["group"], run["seed"], run["state"]) for run in data["runs"]] == [
        ("runs/adam/seed-0", "runs/adam", 0, "finished"),
        ("runs/adam/seed-1", "runs/adam", 1, "finished"),
        ("runs/adam/seed-2", "runs/adam", 2, "finished"),
        ("runs/sgd/seed-1", None, 1, "diverged"),
    ]
    assert data["runs"][3]["metrics"][2]["val_loss"] == pytest.approx(2.6)
    draw("sgd/seed-1", json=True)
    assert json.loads(capsys.readouterr().out) == data["runs"][3]["metrics"]


def test_forms_and_pictures(draw: Draw, two_groups: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The usual picture belongs to a look at a run; another form makes one only where it is asked for."""
    for form in ("json", "csv", "md", "html"):
        draw("adam/seed-0", **{form: True})
    assert list(two_groups.rglob("*.png")) == []
    capsys.readouterr()
    draw("adam/seed-0", json=True, output=Path("a.svg"))
    out, err = capsys.readouterr()
    assert json.loads(out)[0]["epoch"] == 1
    assert err == "a.svg\n"
    assert "<!-- validation -->" in Path("a.svg").read_text()


def test_a_page_holds_the_picture(draw: Draw, two_groups: Path, capsys: pytest.CaptureFixture[str]) -> None:
    draw("adam", "sgd", html=True)
    page = capsys.readouterr().out
    figure = page[page.index("<figure") : page.index("</figure>") + len("</figure>")]
    assert ElementTree.fromstring(figure).attrib["aria-label"] == "adam, sgd, val_loss, val_accuracy"  # noqa: S314
    assert "src=" not in page


def test_the_data_of_any_number_of_runs(
    draw: Draw, place: Path, write_run: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(26):
        write_run(place / f"runs/one-{number}", rows(2, 1))
    names = [f"one-{number}" for number in range(26)]
    draw(*names, json=True)
    assert len(json.loads(capsys.readouterr().out)["runs"]) == 26
    with pytest.raises(UsageError, match="26 lines of val_loss cannot be told apart"):
        draw(*names, csv=True)


def test_a_metric_that_none_has_is_refused(draw: Draw, two_groups: Path) -> None:
    with pytest.raises(UsageError, match="val_r2") as error:
        draw("adam", "sgd", metric=["val_loss", "val_r2"])
    assert error.value.fix == "There are lr, train_loss, train_accuracy, val_loss, val_accuracy, loss, accuracy."


def test_a_metric_that_some_have_is_drawn_for_those(
    draw: Draw, two_groups: Path, write_run: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    number = [{"epoch": 1, "step": 3, "val_loss": 2.0, "val_r2": 0.1, "val_mae": 3.0}]
    write_run(two_groups / "runs/numbers", number, "data=diabetes", "loss=mse")
    draw("numbers", "adam")
    out, err = capsys.readouterr()
    assert [line for line in out.splitlines() if line.startswith("val_")] == ["val_loss", "val_r2", "val_accuracy"]
    assert err.splitlines() == [
        "val_loss cannot be compared, for it is not the same loss: mse in numbers, cross_entropy in adam",
        "not drawn: adam: no val_r2",
        "not drawn: numbers: no val_accuracy",
    ]


def test_what_cannot_be_read_or_drawn_is_said(
    draw: Draw, two_groups: Path, write_run: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    write_run(two_groups / "runs/adam/seed-7", [], "seed=7", state="running")
    (two_groups / "runs/adam/seed-2/metrics.csv").write_text("epoch\nx\n")
    (two_groups / "runs/adam/seed-1/run.json").write_text("{")
    draw("adam", "sgd", "sgd")
    out, err = capsys.readouterr()
    assert "adam (mean of 1 of 4 seeds, 1 crashed)" in out
    assert "adam: the mean is of 1 of 4 seeds." in out
    said = err.splitlines()
    assert any("seed-1/run.json is damaged" in line for line in said)
    assert any("seed-2/metrics.csv is damaged" in line for line in said)
    assert "runs/sgd is drawn once, though named twice" in said


def test_what_is_left_alone_is_drawn_as_one_run(
    draw: Draw, two_groups: Path, write_run: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    write_run(two_groups / "runs/empty", [], best_epoch=3)
    write_run(two_groups / "runs/whole", rows(3, 1, 2), best_epoch=2)
    draw("empty", "whole")
    out, err = capsys.readouterr()
    assert err == "empty has no finished epoch yet\n"
    assert "best epoch 2" in out
    assert "─o─ validation" in out
    assert list(two_groups.rglob("*.png")) == []
    draw("whole", quiet=True)
    assert [path.name for path in two_groups.rglob("*.png")] == ["curves.png"]
    with pytest.raises(NotFoundError, match="empty has no finished epoch yet"):
        draw("empty")


def test_a_damaged_run_that_was_named_ends_the_command(draw: Draw, two_groups: Path) -> None:
    (two_groups / "runs/adam/seed-2/metrics.csv").write_text("epoch\nx\n")
    with pytest.raises(NotFoundError, match="seed-2/metrics"):
        draw("adam/seed-2", "sgd")


def test_times_that_are_missing_are_said(draw: Draw, two_groups: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for path in (two_groups / "runs/adam").rglob("timing.csv"):
        path.unlink()
    draw("adam", "sgd", axis="time", metric=["val_loss"])
    out, err = capsys.readouterr()
    assert "adam" not in out
    assert "not drawn: adam: no finite val_loss" in err
    assert "runs/adam/seed-0/timing.csv is missing" in err
    with pytest.raises(NotFoundError, match="seed-0/timing"):
        draw("adam", axis="time")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"axis": "epochs"}, "no x axis epochs"),
        ({"smooth": 1.0}, "cannot smooth by 1"),
        ({"smooth": -0.1}, "cannot smooth by -0.1"),
        ({"smooth": math.nan}, "cannot smooth by nan"),
    ],
)
def test_bad_options_are_refused(draw: Draw, options: dict[str, Any], message: str, two_groups: Path) -> None:
    with pytest.raises(UsageError, match=message):
        draw("adam", "sgd", **options)


def test_as_a_program(two_groups: Path) -> None:
    code = (
        "import sys\nfrom tuner.cli import main\ntry: main()\nfinally:\n"
        " print('loaded:', *sorted({'torch', 'matplotlib', 'numpy', 'rich'} & set(sys.modules)), file=sys.stderr)"
    )
    expected = [
        (["adam", "sgd"], 0, "loaded:"),
        (["adam", "--metric", "nothing"], 2, "error: there is no metric nothing"),
        (["adam", "nobody"], 4, "error: there is no run nobody"),
        (["adam", "sgd", "-o", "a.png", "--smooth", "0.5", "--linear", "--x", "time"], 0, "loaded: matplotlib numpy"),
    ]
    for words, exit_code, said in expected:
        command = [sys.executable, "-c", code, "curves", *words]
        done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "NO_COLOR": "1"})
        assert done.returncode == exit_code, done.stderr
        assert said in done.stderr.splitlines()[-1] or said in done.stderr.splitlines()[0]
        assert "\x1b" not in done.stdout


# ---- odd things --------------------------------------------------------------------------------------------------

LONG = "a-name-that-goes-on-and-on-" * 5
ODD: list[list[Track]] = [
    [group([2.0], [3.0]), group([1.0], name="sgd")],  # one epoch
    [group([2.0, math.nan, 1.0, None, 3.0], [math.inf, None]), group([None, None], name="sgd")],
    [group([1e300, -1e300], [1e300, 1e300]), group([1e-300, 0.0], name="b")],
    [track(rows(2, 1), f"{LONG}{index}") for index in range(3)],
    [track(rows(*range(index, 20)), f"run-{index}") for index in range(12)],
    [Track("損失 $x_1^\x1b", [Member(rows(2, 1))], True, "mean of 1 seed"), track(rows(3), "b")],
]


@pytest.mark.parametrize("smooth", [0.0, 0.6])
@pytest.mark.parametrize("tracks", ODD, ids=range(len(ODD)))
def test_odd_runs_are_drawn_without_a_warning(tracks: list[Track], smooth: float) -> None:
    for log in (True, False):
        view = View(smooth=smooth, log=log)
        panels = [shared_panel(tracks, name, view) for name in ("loss", "val_accuracy", "val_loss")]
        notes = captions(tracks, ["loss"], view)
        assert image_of("png", Chart("title $x_", panels, notes, legend=True)).startswith(b"\x89PNG")
        for panel in panels:
            shown = chart(panel, Drawing(60, 8))
            assert all(cell_len(line) <= 60 for line in shown.split("\n"))


EDGE = st.none() | st.tuples(st.floats(), st.floats())
ANY_ROW: st.SearchStrategy[list[Row]] = st.lists(
    st.fixed_dictionaries({"val_loss": st.none() | st.floats(), "step": st.none() | st.integers(0, 9)}), max_size=6
)


@settings(deadline=None)
@given(
    st.lists(st.lists(ANY_ROW, min_size=1, max_size=3), min_size=1, max_size=3),
    st.sampled_from(["epoch", "step", "time"]),
    st.floats(0, 0.99),
    st.booleans(),
    st.booleans(),
    st.booleans(),
)
def test_any_runs_make_a_chart_that_fits(
    tracks: list[list[list[Row]]], axis: str, smooth: float, log: bool, ascii_only: bool, color: bool
) -> None:
    made = [
        Track(f"track {index}", [Member(each, dict.fromkeys(range(1, 5), 0.5)) for each in members], index != 1)
        for index, members in enumerate(tracks)
    ]
    panel = shared_panel(made, "val_loss", View.of(made, axis, smooth, log))
    shown = chart(panel, Drawing(70, 6, "ascii" if ascii_only else "utf-8"))
    assert all(cell_len(line) <= 70 for line in shown.split("\n"))
    assert shown.isascii() or not ascii_only
    painted = chart(panel, Drawing(70, 6, "ascii" if ascii_only else "utf-8", color=True))
    for code in ("0", "1", "2", "33", "34", "2;33", "2;34", "32", "2;32"):
        painted = painted.replace(f"\x1b[{code}m", "")
    assert painted == shown


@given(st.lists(EDGE, max_size=6))
def test_a_band_has_no_edge_that_is_not_finite(band: list[tuple[float, float] | None]) -> None:
    line = Line("a", range(len(band)), [1.0] * len(band), band=band)
    for (_, low, high), ends in zip(
        [edge for edge in line.edges() if edge],
        [ends for ends in band if ends and all(abs(end) <= 1e300 for end in ends)],
        strict=True,
    ):
        assert (low, high) == ends


def test_a_band_is_sparse_dots_in_the_terminal() -> None:
    line = Line("a", [1, 2], [1.5, 1.5], band=[(1.0, 2.0), (1.0, 2.0)])
    with_band = chart(Panel("loss", [line]), Drawing(60, 8))
    without = chart(Panel("loss", [Line("a", [1, 2], [1.5, 1.5])]), Drawing(60, 8))
    assert sum("⠁" in row for row in with_band.split("\n")) > 4
    assert not any("⠁" in row for row in without.split("\n"))
