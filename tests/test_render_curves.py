from __future__ import annotations

import math
import re
from itertools import pairwise

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from tuner.asks.curves import metric_panel, run_panels
from tuner.asks.curves.tracks import Member, Track
from tuner.chart import SMALLEST, Line, Panel
from tuner.render.chart.scale import Scale
from tuner.render.chart.terminal import Drawing, chart, charts
from tuner.runs.files import Row

ROWS: list[Row] = [
    {
        "epoch": epoch,
        "lr": 0.1 / epoch,
        "train_loss": 1 / epoch,
        "train_accuracy": 1 - 1 / (epoch + 1),
        "val_loss": 1 / epoch + 0.05 * max(0, epoch - 4),
        "val_accuracy": 0.9 - 1 / (epoch + 2),
        "grad_norm": 1.0,
    }
    for epoch in range(1, 11)
]


def track(rows: list[Row], name: str = "", best: int | None = None) -> Track:
    """A single run's."""
    return Track(name, [Member(rows)], best=best)


RUN = track(ROWS, best=4)

GOLDEN = """\
loss
 1.0 ┤o⡀             ┊
     │ ⠑⡄            ┊
 0.8 ┤  ⠘⡄           ┊
 0.6 ┤   ⠈⢆          ┊
     │    ⠈o⢄⡀       ┊
 0.4 ┤       ⠈⠑⠢o⡀   ┊                  ⣀⣀o⣀⣀⠤⠤o⠤⠤⠔⠒o
 0.2 ┤           ⠈⠉⠑⠒o⠤⣤⣤⡤o⠤⠤⠔⠒⠒o⠒⠊⠉⠉o⠉⠉
     │               ┊   ⠈⠉⠉⠉⠑⠒⠒⠒⠒⠢⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⣀⣀⣀⣀⣀⣀⣀⣀
     └────────────────────┬─────────────────────────┬  epoch
                          5                        10
  ─── train   ─o─ validation   ┊ best epoch 4"""

ANY = st.none() | st.floats()


def test_a_chart_looks_like_this() -> None:
    assert chart(metric_panel(RUN, "loss"), Drawing(60, 8)) == GOLDEN


def plane(shown: str) -> list[str]:
    """The rows between the title and the x axis, right of the y axis."""
    return [re.split("[│┤]", line, maxsplit=1)[1] for line in shown.split("\n") if re.search("[│┤]", line)]


def dots(shown: str, width: int) -> set[tuple[int, int]]:
    """The dots of a chart in braille by column and row, from the top left."""
    bits = ((0, 0, 1), (0, 1, 2), (0, 2, 4), (1, 0, 8), (1, 1, 16), (1, 2, 32), (0, 3, 64), (1, 3, 128))
    return {
        (2 * column + right, 4 * row + down)
        for row, line in enumerate(plane(shown))
        for column, char in enumerate(line.ljust(width))
        for right, down, bit in bits
        if char != " " and ord(char) - 0x2800 & bit
    }


@settings(deadline=None)
@given(st.lists(st.floats(0, 1), min_size=2, max_size=30, unique=True))
def test_the_dots_are_where_the_points_are(values: list[float]) -> None:
    """Each point has its dot, and no dot is further from the line than its own size."""
    if max(values) - min(values) < 1e-6:
        return
    shown = chart(Panel("loss", [Line("a", range(len(values)), values)]), Drawing(60, 8))
    width = shown.count("─") + shown.count("┬") - 3  # of the axis; three are the legend's
    high, across = 4 * 8 - 1, 2 * width - 1
    places = [
        (at / (len(values) - 1) * across, (max(values) - value) / (max(values) - min(values)) * high)
        for at, value in enumerate(values)
    ]
    lit = dots(shown, width)
    assert all(any(abs(x - a) <= 0.5 + 1e-6 and abs(y - b) <= 0.5 + 1e-6 for a, b in lit) for x, y in places)
    for column, row in lit:
        between = [pair for pair in pairwise(places) if pair[0][0] - 1 <= column <= pair[1][0] + 1]
        assert any(distance(column, row, *start, *end) <= 1.5 for start, end in between)


def distance(x: float, y: float, a: float, b: float, c: float, d: float) -> float:
    """Of a point from the line between two others."""
    share = ((x - a) * (c - a) + (y - b) * (d - b)) / ((c - a) ** 2 + (d - b) ** 2)
    share = min(1.0, max(0.0, share))
    return math.hypot(x - a - share * (c - a), y - b - share * (d - b))


@pytest.mark.parametrize(("width", "height"), [(80, 24), (60, 20), (200, 60), (120, 40)])
@pytest.mark.parametrize("strip", [False, True])
def test_charts_fill_a_terminal(width: int, height: int, strip: bool) -> None:
    panels = run_panels(RUN) if strip else run_panels(RUN)[:2]
    lines = charts(panels, Drawing(width), height - 2).split("\n")  # but for the prompt and the picture's name
    assert max(map(cell_len, lines)) == width
    if not (strip and height == 20):  # three planes have no room there
        assert height - 5 <= len(lines) <= height - 2
    starts = [lines.index(panel.title) for panel in panels]
    first, second, *thin = [after - before for before, after in pairwise([*starts, len(lines) + 1])]
    assert first == second
    assert all(5 <= each < first for each in thin)


def test_without_a_terminal_planes_are_of_the_usual_height() -> None:
    many = Panel("loss", [Line(str(index), [1, 2], [index, 1]) for index in range(9)])
    heights = [len(plane(drawn)) for drawn in charts([*run_panels(RUN), many], Drawing(100)).split("\n\n")]
    assert heights == [14, 14, 4, 17]


def test_what_was_before_smoothing_has_its_sign() -> None:
    smooth = Line("a", [1, 2, 3], [1, 2, 3], raw=[1, 3, 2])
    assert chart(Panel("loss", [smooth])).split("\n")[-1] == "  ─── a   ⠂ before smoothing"
    assert chart(Panel("loss", [smooth]), Drawing(encoding="ascii")).split("\n")[-1] == "  ... a   ' before smoothing"


def test_a_single_curve_is_named_by_its_panel() -> None:
    assert "─── lr" not in chart(Panel("lr", [Line("lr", [1, 2], [1, 2])]))
    assert chart(Panel("lr", [Line("lr", [1, 2], [1, 2])], best=2)).split("\n")[-1] == "  ─── lr   ┊ best epoch 2"


def test_two_numbers_stand_beside_however_low_a_plane() -> None:
    for low, high, log in ((0.25, 3.4, False), (0.0333, 100.01, True), (1.01, 1.02, True), (0.3, 0.31, False)):
        shown = chart(Panel("loss", [Line("a", [1, 2], [low, high])], log=log), Drawing(60, 3))
        labels = [line.partition("┤")[0].strip() for line in shown.split("\n") if "┤" in line]
        assert len(set(labels)) >= 2, (low, high, labels)


def test_without_braille_each_curve_has_its_letter() -> None:
    shown = chart(metric_panel(RUN, "loss"), Drawing(60, 8, "ascii"))
    assert shown.isascii()
    assert "ooo validation" in shown
    assert "... train" in shown
    assert ": best epoch 4" in shown


def test_curves_are_told_apart_without_colour() -> None:
    lines = [Line(f"run {index}", [1, 2, 3], [index, index, index]) for index in range(4)]
    shown = chart(Panel("val_loss", lines)).split("\n")
    assert shown[-1] == "  ─── run 0   ─o─ run 1   ─x─ run 2   ─+─ run 3"
    assert [sum(mark in line for line in shown[1:-3]) for mark in "ox+"] == [1, 1, 1]


def test_a_gap_is_left_where_a_value_is_missing() -> None:
    curve = chart(Panel("loss", [Line("a", range(9), [1, 1, 1, 1, math.nan, None, 1, 1, 1])]), Drawing(60, 3))
    plane = next(line for line in curve.split("\n") if "⠤" in line or "⠒" in line or "⠉" in line)
    drawn = plane[plane.index("┤") + 1 :]
    assert " " * 10 in drawn.strip()


def test_colour_adds_nothing_but_colour() -> None:
    panel = metric_panel(RUN, "loss")
    painted = chart(panel, Drawing(60, 8, color=True))
    assert "\x1b[34m" in painted
    for code in ("0", "1", "2", "33", "34"):
        painted = painted.replace(f"\x1b[{code}m", "")
    assert painted == chart(panel, Drawing(60, 8))


def test_nothing_to_draw_is_said() -> None:
    assert chart(Panel("loss", [])) == "loss\n  no finite values to draw"
    assert "no finite values" in chart(Panel("loss", [Line("a", [1], [math.nan])]))
    assert "no finite values" in chart(Panel("loss", [Line("a", [1], [-1.0])], log=True))


@settings(deadline=None)
@given(
    st.lists(st.lists(ANY, max_size=12), max_size=3),
    st.booleans(),
    st.booleans(),
    st.integers(40, 120),
    st.none() | st.integers(-5, 20),
)
def test_any_values_make_a_chart_that_fits(
    curves: list[list[float | None]], log: bool, ascii_only: bool, width: int, best: int | None
) -> None:
    lines = [Line(f"curve {index}", range(len(curve)), curve) for index, curve in enumerate(curves)]
    shown = chart(Panel("loss", lines, best, log, best_at=best), Drawing(width, 6, "ascii" if ascii_only else "utf-8"))
    assert all(cell_len(line) <= width for line in shown.split("\n"))
    assert shown.isascii() or not ascii_only


def test_a_run_has_panels_for_loss_metric_and_lr() -> None:
    panels = run_panels(RUN)
    assert [panel.title for panel in panels] == ["loss", "accuracy", "lr"]
    assert [[line.label for line in panel.lines] for panel in panels] == [["train", "validation"]] * 2 + [["lr"]]
    assert [panel.best for panel in panels] == [4, 4, None]
    assert panels[2].strip


def test_what_is_not_there_has_no_panel() -> None:
    constant: list[Row] = [{"train_loss": 1.0, "val_loss": None, "lr": 0.1}] * 3
    panels = run_panels(track(constant))
    assert [panel.title for panel in panels] == ["loss"]
    assert [line.label for line in panels[0].lines] == ["train"]
    assert list(panels[0].lines[0].x) == [1, 2, 3]
    assert run_panels(track([])) == []


def test_a_loss_that_falls_far_gets_a_log_axis() -> None:
    far: list[Row] = [{"train_loss": 10.0**-power} for power in range(4)]
    assert metric_panel(track(far), "loss").log
    assert not metric_panel(RUN, "loss").log
    assert not metric_panel(track([*far, {"train_loss": 0.0}]), "loss").log


@pytest.mark.parametrize(
    ("scale", "labels"),
    [
        (Scale(0.0, 1.0), ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]),
        (Scale(-0.1, 0.1), ["-0.10", "-0.05", "0.00", "0.05", "0.10"]),
        (Scale(1, 2500), ["500", "1,000", "1,500", "2,000", "2,500"]),
        (Scale(1e-4, 1.0, log=True), ["1e-4", "1e-3", "0.01", "0.1", "1"]),
        (Scale(0.1, 1.0, log=True), ["0.1", "0.2", "0.5", "1"]),
    ],
)
def test_ticks_are_round_numbers(scale: Scale, labels: list[str]) -> None:
    assert scale.labels(scale.ticks(5)) == labels


@given(st.lists(st.floats(-1e300, 1e300), min_size=1), st.booleans(), st.integers(1, 12))
def test_ticks_stand_on_the_scale(values: list[float], log: bool, wanted: int) -> None:
    positive = [value for value in values if value >= SMALLEST]
    assume(positive or not log)
    scale = Scale.around(positive if log else values, log)
    assert all(-1e-6 <= scale.share(value) <= 1 + 1e-6 for value in (positive if log else values))
    ticks = scale.ticks(wanted)
    assert all(-1e-6 <= scale.share(tick) <= 1 + 1e-6 for tick in ticks)
    assert len(ticks) <= 3 * wanted + 3
    assert len(scale.labels(ticks)) == len(ticks)
