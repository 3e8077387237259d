"""What must agree for two runs to give the same bits."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, dataclass, fields
from typing import Any, Self

from tuner.errors import NotFoundError

NAMES = {
    "tuner": "tuner",
    "git_commit": "git commit",
    "torch": "torch",
    "data_fingerprint": "data",
    "device": "device",
    "device_model": "device model",
    "cpu_capability": "CPU capability",
    "threads": "threads",
    "products": "products",
    "packages": "packages",
}
"""What runs are told apart by beside their settings, as run.json calls it, and in words. A git commit is no part of the
identity."""


@dataclass(frozen=True)
class Identity:
    """Within one identity a run is repeated bit by bit."""

    config_hash: str
    data_fingerprint: str
    device: str  # cpu, cuda:0, ...
    device_model: str
    cpu_capability: str
    threads: int
    torch: str
    tuner: str
    products: str = "mkl"  # or onednn, see tuner.products; runs from before it were made by mkl
    packages: str = ""  # those whose choices the config names, with their versions; neither counts nor stands if empty

    def differences(self, other: Identity, ignore: Collection[str] = ()) -> list[tuple[str, str | int, str | int]]:
        """(what, here, there) for each part that differs and is not in `ignore`, e.g. {"threads"}."""
        mine, theirs = asdict(self), asdict(other)
        return [(key, mine[key], theirs[key]) for key in mine if mine[key] != theirs[key] and key not in ignore]

    def as_json(self) -> dict[str, str | int]:
        """The `identity` of run.json."""
        return {key: value for key, value in asdict(self).items() if value or key != "packages"}

    @classmethod
    def from_json(cls, value: Any, file: str) -> Self:
        """What `as_json` gave. Keys that a later version added do not count. Raises NotFoundError naming `file`."""
        if not isinstance(value, dict):
            raise NotFoundError(f"{file} is damaged: it holds no identity")
        for field in fields(cls):
            wanted = int if field.name == "threads" else str
            if type(value.get(field.name, field.default)) is not wanted:
                raise NotFoundError(f"{file} is damaged: identity.{field.name} is missing or of the wrong type")
        return cls(**{field.name: value[field.name] for field in fields(cls) if field.name in value})
