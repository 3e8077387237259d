"""Augmentations: random changes to training samples that leave their target as it is.

They act on stored numbers (pixels 0 to 255, a table's own units), before normalisation. Each sample of a batch gets
random numbers of its own, all of them from the generator that is handed in.
"""

# ruff: noqa: ARG002 - all augmentations share one signature; few need all of it

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, ClassVar

from tuner.bounds import Integer, Number, OneOf
from tuner.choice import Choice, setting

if TYPE_CHECKING:
    import torch
    from torch import Tensor


class Augmentation(Choice, kind="augmentation"):
    """A random change to training samples that leaves their target as it is.

    In the formulas u ~ U(a, b) is drawn once a sample; low and high are the smallest and largest number of a channel
    (or column) in the training part.
    """

    images_only: ClassVar[bool] = True
    """Whether it needs pictures (N, C, H, W)."""

    def covers(self, side: int) -> bool:
        """Whether nothing is left of any picture whose longer side is this many pixels."""
        return False

    @abstractmethod
    def apply(self, batch: Tensor, generator: torch.Generator, low: Tensor, high: Tensor) -> Tensor:
        """The changed batch, of the same shape, dtype and device; the batch itself stays as it is.

        batch: float32 (N, ...) in stored numbers; generator: on the batch's device; low, high: the smallest and
        largest number per channel or column in the training part, shaped to be broadcast against the batch.
        """


class Flip(Augmentation, name="flip", aliases=("mirror", "horizontal_flip")):
    """Mirrors a picture with a given probability.

    Formula: with u ~ U(0, 1), for u < probability: out[c, y, x] = in[c, y, W - 1 - x] (horizontal) or
    in[c, H - 1 - y, x] (vertical); otherwise the picture stays.
    Choose it when: a mirrored picture belongs to the same class: animals, clothes, scenes (horizontal), microscopy
    and aerial pictures (both, listed twice). Not for digits, letters or anything where left and right differ.
    Source: Krizhevsky, Sutskever, Hinton (2012), "ImageNet Classification with Deep Convolutional Neural Networks",
    section 4.1; survey: Shorten, Khoshgoftaar (2019), "A Survey on Image Data Augmentation for Deep Learning".
    """

    probability: float = setting(Number(ge=0, le=1), "share of the samples that are mirrored", default=0.5)
    direction: str = setting(
        OneOf("horizontal", "vertical"),
        "horizontal: left and right change places; vertical: top and bottom",
        default="horizontal",
    )

    def apply(self, batch: Tensor, generator: torch.Generator, low: Tensor, high: Tensor) -> Tensor:
        chosen = _shares(batch, generator) < self.probability
        return batch.flip(-1 if self.direction == "horizontal" else -2).where(chosen, batch)


class Shift(Augmentation, name="shift", aliases=("translate", "translation")):
    """Moves a picture by a random whole number of pixels up or down and left or right.

    Formula: out[c, y, x] = in[c, y + dy, x + dx], dy and dx drawn independently and uniformly from the whole numbers
    -pixels ... pixels; what comes in from outside is low (black).
    Choose it when: where the object stands says nothing about its class, and a margin around it is empty, as with
    mnist (2 pixels). Convolutional networks gain less from it than mlp: they are nearly indifferent to it anyway.
    Source: Simard, Steinkraus, Platt (2003), "Best Practices for Convolutional Neural Networks Applied to Visual
    Document Analysis", section 2.
    """

    pixels: int = setting(Integer(ge=1, le=10_000), "largest move along each axis, in pixels", default=2)

    def apply(self, batch: Tensor, generator: torch.Generator, low: Tensor, high: Tensor) -> Tensor:
        return _moved(batch, self.pixels, generator, low)


class Crop(Augmentation, name="crop", aliases=("random_crop",)):
    """Pads a picture on all sides, then cuts a random window of the old size out of it.

    Formula: out[c, y, x] = padded[c, y + oy, x + ox], oy and ox drawn independently and uniformly from the whole
    numbers 0 ... 2 * padding, where padded is in with `padding` pixels more on each side: low (black) or the picture
    mirrored about its border pixels. With fill: low it is shift by another name: the usual one for cifar.
    Choose it when: the training pictures are natural ones such as cifar's (padding 4, together with flip). mirror
    leaves no black edges, which suits pictures that fill their frame.
    Source: He, Zhang, Ren, Sun (2016), "Deep Residual Learning for Image Recognition", section 4.2; Lee et al.
    (2015), "Deeply-Supervised Nets", section 3.
    """

    padding: int = setting(Integer(ge=1, le=10_000), "pixels added on each side before the window is cut", default=4)
    fill: str = setting(
        OneOf("low", "mirror"), "what the padding holds: low (black) or the mirror image", default="low"
    )

    def apply(self, batch: Tensor, generator: torch.Generator, low: Tensor, high: Tensor) -> Tensor:
        return _moved(batch, self.padding, generator, low if self.fill == "low" else None)


class Cutout(Augmentation, name="cutout"):
    """Blots out a square at a random place.

    Formula: with centre (cy, cx) uniform over all pixels, out = low where cy - floor(size / 2) <= y < cy -
    floor(size / 2) + size and the same for x, else in; the square may hang over the border.
    Choose it when: a convolutional network on pictures overfits and relies on one telling detail. size is to be tuned
    (16 of 32 pixels for cifar10, 8 for cifar100 in the paper); too large a square removes the object itself.
    Source: DeVries, Taylor (2017), "Improved Regularization of Convolutional Neural Networks with Cutout", section
    3.2 (there the square is 0 after normalisation, the mean; here it is low).
    """

    size: int = setting(Integer(ge=1, le=10_000), "side of the square, in pixels", default=8)

    def covers(self, side: int) -> bool:
        return self.size // 2 >= side - 1 and self.size - self.size // 2 >= side

    def apply(self, batch: Tensor, generator: torch.Generator, low: Tensor, high: Tensor) -> Tensor:
        before = self.size // 2
        inside = []
        for axis in (2, 3):
            centre, places = _whole(batch, axis, 0, batch.shape[axis], generator)
            inside.append((places >= centre - before) & (places < centre - before + self.size))
        return low.to(batch.dtype).where(_crossed(*inside), batch)


class Noise(Augmentation, name="noise", aliases=("gaussian_noise",)):
    """Adds an independent normal number to every number of a sample.

    Formula: out = in + std * (high - low) * n, n ~ N(0, 1) for every number; not cut off at low and high.
    Choose it when: the measurements themselves are noisy, or a table is too small for its network: for small std it
    acts like a penalty on the slope of what the network computes. Works for tables and sequences, too; columns of 0
    and 1 get noise like the others, categories that are learned as an embedding none.
    Source: Bishop (1995), "Training with Noise is Equivalent to Tikhonov Regularization"; Sietsma, Dow (1991),
    "Creating Artificial Neural Networks That Generalize".
    """

    images_only = False

    std: float = setting(Number(gt=0, le=10), "standard deviation, as a share of the value range", default=0.05)

    def apply(self, batch: Tensor, generator: torch.Generator, low: Tensor, high: Tensor) -> Tensor:
        noise = batch.new_empty(batch.shape).normal_(generator=generator)
        return batch.addcmul(noise, high - low, value=self.std)


class Brightness(Augmentation, name="brightness"):
    """Makes a picture brighter or darker as a whole.

    Formula: out = min(max(in + u * (high - low), low), high), u ~ U(-amount, amount), the same for all its pixels and
    channels.
    Choose it when: the light differs from picture to picture and says nothing about the class. As data.shift it asks
    how a network fares under another light. Batch norm and a standardised input take only part of the effect away.
    Source: Howard (2014), "Some Improvements on Deep Convolutional Neural Network Based Image Classification",
    section 2.2.
    """

    amount: float = setting(Number(gt=0, le=1), "largest change, as a share of the value range", default=0.2)

    def apply(self, batch: Tensor, generator: torch.Generator, low: Tensor, high: Tensor) -> Tensor:
        u = 2 * _shares(batch, generator) - 1
        return batch.addcmul(u, high - low, value=self.amount).maximum(low).minimum(high)


def _moved(batch: Tensor, reach: int, generator: torch.Generator, fill: Tensor | None) -> Tensor:
    """Each picture moved by up to `reach` pixels along both axes; outside is `fill`, or its mirror image for None."""
    moved, inside = batch, []
    for axis in (2, 3):
        offsets, places = _whole(batch, axis, -reach, reach + 1, generator)
        sources, size = places + offsets, len(places)
        inside.append((sources >= 0) & (sources < size))
        # Reflected about the border pixels; beyond one reflection, the far border.
        mirrored = (size - 1 - (size - 1 - sources.abs()).abs()).clamp(0, size - 1)
        index = mirrored[:, None, :, None] if axis == 2 else mirrored[:, None, None, :]
        moved = moved.gather(axis, index.expand_as(batch))
    return moved if fill is None else moved.where(_crossed(*inside), fill.to(batch.dtype))


def _shares(batch: Tensor, generator: torch.Generator) -> Tensor:
    """One u ~ U(0, 1) a picture."""
    return batch.new_empty(len(batch), 1, 1, 1).uniform_(generator=generator)


def _whole(batch: Tensor, axis: int, least: int, stop: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """A random whole number from least ... stop - 1 a sample, (N, 1), and the places along an axis."""
    import torch

    drawn = torch.randint(least, stop, (len(batch), 1), generator=generator, device=batch.device)
    return drawn, torch.arange(batch.shape[axis], device=batch.device)


def _crossed(rows: Tensor, columns: Tensor) -> Tensor:
    """The pixels in both, as a mask of the batch: rows (N, H) and columns (N, W)."""
    return rows[:, None, :, None] & columns[:, None, None, :]
