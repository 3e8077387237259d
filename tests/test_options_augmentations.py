"""Augmentations: what each does to known pictures, and what holds for every one of them."""

from __future__ import annotations

from collections import Counter
from typing import Literal

import numpy as np
import pytest
import torch
from torch import Tensor

from tuner.options.augmentations import Augmentation, Brightness, Crop, Cutout, Flip, Noise, Shift

LOW = torch.tensor([0.0, 10.0, -5.0])[:, None, None]
HIGH = torch.tensor([255.0, 110.0, 5.0])[:, None, None]


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def pictures(samples: int, height: int = 6, width: int = 5, *, alike: bool = False) -> Tensor:
    shares = torch.rand(1 if alike else samples, 3, height, width, generator=seeded(9))
    return (LOW + shares * (HIGH - LOW)).expand(samples, 3, height, width).contiguous()


def apply(augmentation: Augmentation, batch: Tensor, seed: int = 0) -> Tensor:
    return augmentation.apply(batch, seeded(seed), LOW, HIGH)


def windows(padded: Tensor, height: int, width: int) -> dict[tuple[int, int], Tensor]:
    rows, columns = padded.shape[-2] - height + 1, padded.shape[-1] - width + 1
    return {(y, x): padded[..., y : y + height, x : x + width] for y in range(rows) for x in range(columns)}


def offsets(out: Tensor, padded: Tensor) -> Counter[tuple[int, int]]:
    """How many samples are each window of `padded`; fails if one is none of them."""
    candidates = windows(padded, *out.shape[-2:])
    found = Counter(next(place for place, window in candidates.items() if torch.equal(o, window)) for o in out)
    assert found.total() == len(out)
    return found


def surrounded(picture: Tensor, pixels: int) -> Tensor:
    """The picture with `pixels` more on each side, at the channels' low."""
    _, height, width = picture.shape
    padded = LOW.expand(3, height + 2 * pixels, width + 2 * pixels).clone()
    padded[:, pixels : pixels + height, pixels : pixels + width] = picture
    return padded


@pytest.mark.parametrize(("direction", "axis"), [("horizontal", -1), ("vertical", -2)])
def test_flip_mirrors_about_half_of_the_pictures(direction: Literal["horizontal", "vertical"], axis: int) -> None:
    batch = pictures(2000)
    out = apply(Flip(direction=direction), batch)
    flipped = (out == batch.flip(axis)).all(dim=(1, 2, 3))
    kept = (out == batch).all(dim=(1, 2, 3))
    assert (flipped ^ kept).all()
    assert 900 < int(flipped.sum()) < 1100
    assert torch.equal(apply(Flip(probability=0, direction=direction), batch), batch)
    assert torch.equal(apply(Flip(probability=1, direction=direction), batch), batch.flip(axis))


@pytest.mark.parametrize("augmentation", [Shift(pixels=2), Crop(padding=2)])
def test_shift_and_crop_reach_every_place_equally_often(augmentation: Augmentation) -> None:
    batch = pictures(5000, alike=True)
    found = offsets(apply(augmentation, batch), surrounded(batch[0], 2))
    assert len(found) == 25
    assert min(found.values()) > 150
    assert max(found.values()) < 250


def test_crop_can_fill_with_the_mirror_image() -> None:
    batch = pictures(2000, alike=True)
    mirror = torch.tensor(np.pad(batch[0].numpy(), [(0, 0), (3, 3), (3, 3)], mode="reflect"))
    assert len(offsets(apply(Crop(padding=3, fill="mirror"), batch), mirror)) == 49


@pytest.mark.parametrize("augmentation", [Shift(pixels=50), Crop(padding=50), Crop(padding=50, fill="mirror")])
def test_moves_larger_than_the_picture_are_borne(augmentation: Augmentation) -> None:
    out = apply(augmentation, pictures(20))
    assert ((out >= LOW) & (out <= HIGH)).all()


@pytest.mark.parametrize("size", [1, 3, 4, 40])
def test_cutout_blots_out_one_square(size: int) -> None:
    batch = pictures(3000, alike=True) + 1e-3  # nothing is low before
    out = apply(Cutout(size=size), batch)
    cut = (out != batch).all(dim=1)
    assert torch.equal(out, torch.where(cut[:, None], LOW, batch))
    centres = {(y, x) for y in range(6) for x in range(5)}
    expected = set()
    for y, x in centres:
        square = np.zeros((6, 5), dtype=bool)
        square[max(0, y - size // 2) : y - size // 2 + size, max(0, x - size // 2) : x - size // 2 + size] = True
        expected.add(square.tobytes())
    assert {mask.numpy().tobytes() for mask in cut} == expected


def test_noise_is_a_share_of_each_channels_range() -> None:
    batch = pictures(3000)
    noise = (apply(Noise(std=0.1), batch) - batch) / (HIGH - LOW)
    deviations = noise.std(dim=(0, 2, 3))
    np.testing.assert_allclose(deviations, [0.1] * 3, rtol=0.01)
    np.testing.assert_allclose(noise.mean(dim=(0, 2, 3)), [0.0] * 3, atol=0.002)
    assert abs(float((noise[:, :, 0, 0] * noise[:, :, 0, 1]).mean())) < 5e-4  # each number has its own


@pytest.mark.parametrize("shape", [(400, 4), (100, 9, 4)])
def test_noise_works_on_tables_and_sequences(shape: tuple[int, ...]) -> None:
    low, high = torch.zeros(4), torch.tensor([1.0, 10.0, 100.0, 0.0])
    batch = torch.rand(shape, generator=seeded()) * high
    out = Noise(std=0.2).apply(batch, seeded(), low, high)
    assert out.shape == shape
    deviations = (out - batch).flatten(0, -2).std(dim=0)
    np.testing.assert_allclose(deviations, [0.2, 2.0, 20.0, 0.0], rtol=0.1)
    assert torch.equal(out[..., 3], batch[..., 3])  # a constant column stays constant


def test_brightness_moves_all_of_a_picture_by_one_share() -> None:
    middle = ((LOW + HIGH) / 2).expand(2000, 3, 4, 4).contiguous()
    shares = (apply(Brightness(amount=0.3), middle) - middle) / (HIGH - LOW)
    each = shares[:, 0, 0, 0]
    np.testing.assert_allclose(shares, each[:, None, None, None].expand_as(shares), atol=1e-6)
    assert -0.3 - 1e-6 <= float(each.min()) < -0.29
    assert 0.29 < float(each.max()) <= 0.3 + 1e-6
    assert abs(float(each.mean())) < 0.01


def test_brightness_stays_within_the_range() -> None:
    out = apply(Brightness(amount=1.0), pictures(200))
    assert ((out >= LOW) & (out <= HIGH)).all()
    assert (out == LOW).any()
    assert (out == HIGH).any()


@pytest.mark.parametrize("member", Augmentation.members.values(), ids=lambda member: member.name)
class TestEveryAugmentation:
    @pytest.mark.parametrize("shape", [(1, 8, 8), (3, 12, 9), (3, 1, 1)])
    def test_keeps_shape_and_type_and_leaves_the_batch_alone(
        self, member: type[Augmentation], shape: tuple[int, ...]
    ) -> None:
        batch = torch.rand(10, *shape, generator=seeded())
        kept = batch.clone()
        out = member().apply(batch, seeded(), torch.zeros(shape[0], 1, 1), torch.ones(shape[0], 1, 1))
        assert out.shape == batch.shape
        assert out.dtype == torch.float32
        assert torch.isfinite(out).all()
        assert torch.equal(batch, kept)
        assert out.data_ptr() != batch.data_ptr()

    def test_each_sample_gets_random_numbers_of_its_own(self, member: type[Augmentation]) -> None:
        out = apply(member(), pictures(40, 12, 12, alike=True))
        assert len({sample.numpy().tobytes() for sample in out}) > 1

    def test_is_a_function_of_the_generator_alone(self, member: type[Augmentation]) -> None:
        before = torch.random.get_rng_state()
        batch = pictures(40, 12, 12)
        first, again, other = (apply(member(), batch, seed) for seed in (1, 1, 2))
        assert torch.equal(first, again)
        assert not torch.equal(first, other)
        assert torch.equal(before, torch.random.get_rng_state())

    def test_goes_on_in_its_generator(self, member: type[Augmentation]) -> None:
        generator, batch = seeded(), pictures(40, 12, 12)
        first, second = (member().apply(batch, generator, LOW, HIGH) for _ in range(2))
        assert not torch.equal(first, second)

    def test_works_on_tables_unless_it_says_otherwise(self, member: type[Augmentation]) -> None:
        if not member.images_only:
            batch = torch.rand(5, 4, generator=seeded())
            assert member().apply(batch, seeded(), torch.zeros(4), torch.ones(4)).shape == (5, 4)


def test_noise_alone_of_the_catalogue_works_without_pictures() -> None:
    picture_only = {name for name, member in Augmentation.members.items() if member.images_only}
    assert {"flip", "shift", "crop", "cutout", "brightness"} <= picture_only
    assert "noise" not in picture_only
