from __future__ import annotations

import io
import math
import struct
import subprocess
import sys
import xml.etree.ElementTree as ET
import zlib
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import matplotlib
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tuner.answer import Chart
from tuner.asks.curves import run_panels
from tuner.asks.curves.tracks import Member, Track
from tuner.chart import Line, Panel
from tuner.errors import NotFoundError, UsageError
from tuner.render.chart.figure import spread
from tuner.render.chart.image import image_of, keep
from tuner.runs.files import Row

ROWS: list[Row] = [
    {
        "epoch": epoch,
        "lr": 0.1 / epoch,
        "train_loss": 1 / epoch,
        "train_accuracy": 1 - 1 / (epoch + 1),
        "val_loss": 1 / epoch + 0.05,
        "val_accuracy": 0.9 - 1 / (epoch + 2),
    }
    for epoch in range(1, 11)
]


def track(rows: list[Row], name: str = "", best: int | None = None) -> Track:
    """A single run's."""
    return Track(name, [Member(rows)], best=best)


RUN = track(ROWS, best=7)
CHART = Chart("run", run_panels(RUN))

ODD = [
    [],
    [Panel("loss", [])],
    [Panel("loss", [Line("train", [1, 2, 3], [math.nan, None, math.inf])])],
    [Panel("loss", [Line("train", [1], [0.5])], best=1, best_at=1)],
    [Panel("loss", [Line("train", [1, 2], [0.5, 0.5])], best=99, best_at=99, log=True)],
    [Panel("loss", [Line("train", [1, 2, 3], [1e38, -1e38, math.inf])])],
    [Panel("loss", [Line("train", [1, 2, 3], [1e-300, 1e300, 0.0])], log=True)],
    [Panel("loss", [Line("train", [1, 2, 3], [0.0, 0.0, 0.0])], best=3, best_at=3), Panel("lr", [], strip=True)],
    [Panel("損失", [Line("訓練", [1, 2], [1, 2])])],
    [Panel("$loss_1^", [Line(f"$run_{index}\x1b", [1, 2], [index, 1]) for index in range(30)])],
]


def chunks(png: bytes) -> dict[str, bytes]:
    """The chunks of a PNG by name, the pixel data decompressed."""
    found: dict[str, bytes] = {}
    at = 8
    while at < len(png):
        (length,) = struct.unpack(">I", png[at : at + 4])
        name = png[at + 4 : at + 8].decode()
        found[name] = found.get(name, b"") + png[at + 8 : at + 8 + length]
        at += 12 + length
    found["IDAT"] = zlib.decompress(found["IDAT"])
    return found


@pytest.mark.parametrize("kind", ["png", "svg"])
def test_the_same_data_make_the_same_bytes(kind: str, tmp_path: Path) -> None:
    here = image_of(kind, Chart("mnist-cnn-3", run_panels(RUN)))
    assert image_of(kind, Chart("mnist-cnn-3", run_panels(RUN))) == here
    script = (
        "import sys; from pathlib import Path; from tuner.answer import Chart\n"
        "from tuner.asks.curves import run_panels; from tuner.asks.curves.tracks import Member, Track\n"
        "from tuner.render.chart.image import keep\n"
        f"panels = run_panels(Track('', [Member({ROWS!r})], best=7))\n"
        "keep(Chart('mnist-cnn-3', panels, file=Path(sys.argv[1])))"
    )
    path = tmp_path / f"curves.{kind}"
    subprocess.run([sys.executable, "-c", script, str(path)], check=True)
    assert path.read_bytes() == here
    assert image_of(kind, Chart("mnist-cnn-4", run_panels(RUN))) != here


def test_neither_time_nor_version_is_written() -> None:
    png = chunks(image_of("png", CHART))
    assert {"tIME", "tEXt", "iTXt", "zTXt"}.isdisjoint(png)
    svg = image_of("svg", CHART).decode()
    assert "matplotlib.org" not in svg
    assert "<dc:date>" not in svg


def test_the_image_has_the_size_of_its_panels() -> None:
    width, height = struct.unpack(">II", chunks(image_of("png", CHART))["IHDR"][:8])
    assert (width, height) == (1060, 510)


@pytest.mark.parametrize("panels", [1, 2])
@pytest.mark.parametrize("letter", ["m", "i"])
def test_a_long_title_stays_inside_the_picture(panels: int, letter: str) -> None:
    """The outermost pixels left and right of it stay white."""
    from matplotlib.image import imread

    title = " ".join([letter * 7] * 16)
    image = imread(io.BytesIO(image_of("png", Chart(title, CHART.panels[:panels]))))
    assert (image[:, :4, :3] == 1).all()
    assert (image[:, -4:, :3] == 1).all()
    short = imread(io.BytesIO(image_of("png", Chart("run", CHART.panels[:panels]))))
    assert image.shape == short.shape


def test_the_svg_shows_every_curve_and_the_best_epoch() -> None:
    svg = image_of("svg", CHART)
    ET.fromstring(svg)  # noqa: S314 - our own output
    for color in (b"#0072b2", b"#d55e00"):
        assert color in svg.lower()
    assert b"<!-- best epoch 7 -->" in svg
    assert b"<!-- best epoch 7 -->" not in image_of("svg", Chart("run", run_panels(replace(RUN, best=None))))


@pytest.mark.parametrize("panels", ODD, ids=range(len(ODD)))
def test_odd_values_are_drawn_without_a_warning(panels: list[Panel]) -> None:
    assert image_of("png", Chart("title $x_", panels)).startswith(b"\x89PNG")


def test_settings_of_matplotlib_are_neither_read_nor_changed() -> None:
    plain = image_of("png", CHART)
    with matplotlib.rc_context({"font.size": 30, "axes.facecolor": "black"}):
        assert image_of("png", CHART) == plain
        assert matplotlib.rcParams["font.size"] == 30


def test_drawing_does_not_touch_pyplot() -> None:
    script = (
        "import sys; from tuner.answer import Chart; from tuner.render.chart.image import image_of\n"
        "image_of('png', Chart('run', []))\n"
        "print('matplotlib.pyplot' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_another_format_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"curves.pdf: its name has to end in .png or .svg"):
        keep(replace(CHART, file=tmp_path / "curves.pdf"))
    assert list(tmp_path.iterdir()) == []


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="gone"):
        keep(replace(CHART, file=tmp_path / "gone" / "curves.png"))


@settings(deadline=None)
@given(st.lists(st.floats(0, 1), max_size=14))
def test_names_keep_their_order_and_their_distance(heights: list[float]) -> None:
    placed = spread(sorted((height, index) for index, height in enumerate(heights)), 0.07)
    assert [index for _, index in placed] == [index for _, index in sorted(zip(heights, range(99), strict=False))]
    spots = [height for height, _ in placed]
    assert all(after - before >= 0.07 - 1e-9 for before, after in pairwise(spots))
    assert all(-1e-9 <= spot <= 1 + 1e-9 for spot in spots)
