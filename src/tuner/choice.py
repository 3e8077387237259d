"""A choice: one named option of a kind (an activation, an optimizer, a data source, ...), declared by one class."""

# Annotations are not postponed here: pydantic would evaluate those of Choice anew for each of its subclasses.
import re
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A group of settings: its fields are the YAML keys, with their bounds and help."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False, defer_build=True)


@dataclass(frozen=True)
class Shared:
    """Marks a setting that several choices of a kind have, each for itself: what becomes of it when a layer above names
    another choice.

    It falls away where the other choice's setting of that key has another `meaning`, and stays otherwise. `tuned`: what
    is a good value depends on the choice, so that a note tells when it stays.
    """

    meaning: str
    tuned: bool = False


def shared(choice: type["Choice"], key: str) -> Shared:
    """The mark of a setting; without one it means the same under every choice of its kind."""
    marks = (mark for mark in choice.model_fields[key].metadata if isinstance(mark, Shared))
    return next(marks, Shared(""))


class Choice(Section):
    """One named choice of a kind.

    The abstract class of a kind is declared with `kind`, each choice of it with `name`::

        class Activation(Choice, kind="activation"): ...
        class LeakyReLU(Activation, name="leaky_relu", aliases=("lrelu",)): ...

    The docstring of a choice is what `tuner explain NAME` prints; its fields are its settings.
    """

    kind: ClassVar[str] = ""
    name: ClassVar[str] = ""
    aliases: ClassVar[tuple[str, ...]] = ()
    members: ClassVar[dict[str, type[Any]]] = {}
    base: ClassVar[type[Any]]
    """The abstract class of the kind: its fields are the settings that all its choices share."""

    def __init_subclass__(cls, *, kind: str = "", name: str = "", aliases: tuple[str, ...] = (), **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if kind:
            cls.kind, cls.members, cls.base = kind, {}, cls
        elif name:
            cls.name, cls.aliases = name, aliases
            cls.members[name] = cls
        else:
            raise TypeError(f"{cls.__name__}: a choice is declared with kind= (the kind itself) or name= (one of it)")

    @classmethod
    def find(cls, spelling: str) -> type[Self] | None:
        """The member of this kind that `spelling` names: its name or an alias, whatever its case and separators."""
        wanted = fold(spelling)
        for member in cls.members.values():
            if wanted in (fold(member.name), *(fold(alias) for alias in member.aliases)):
                found: type[Self] = member
                return found
        return None


def fold(spelling: str) -> str:
    """`LeakyReLU`, `leaky-relu` and `leaky_relu` are one name."""
    return re.sub(r"[^a-z0-9]", "", spelling.lower())
