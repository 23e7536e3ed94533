"""What a network's config was when: a schedule of configs, each a mutation of the one before."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from tuner.config import Config
from tuner.errors import ConfigError, InputError, clause
from tuner.settings import build, plain

FILE = "lineage.json"


@dataclass(frozen=True)
class Phase:
    """One config and the steps from which on a network is trained with it.

    Attributes:
        step: Training steps taken when it begins.
        config: The config.
        mutations: Names of those that made it of the one before, or of the base config.
        donor: The trial that config and weights come from, if it is another one.
    """

    step: int
    config: Config
    mutations: tuple[str, ...] = ()
    donor: str = ""


Lineage = tuple[Phase, ...]
"""From the first phase, which begins at step 0, to the last."""


def single(config: Config) -> Lineage:
    """The lineage of a config that never changes."""
    return (Phase(0, config),)


def until(lineage: Lineage, step: int) -> Lineage:
    """The phases that the networks have been in once this many steps are taken."""
    return tuple(phase for number, phase in enumerate(lineage) if number == 0 or phase.step < step)


def holder(lineage: Lineage, step: int) -> str:
    """The trial that trained the networks to this step, if they were handed on since; else empty."""
    later = lineage[len(until(lineage, step)) :]
    return later[0].donor if later else ""


def with_configs(lineage: Lineage, change: Callable[[Config], Config]) -> Lineage:
    """The same schedule with each config changed."""
    return tuple(replace(phase, config=change(phase.config)) for phase in lineage)


def plain_lineage(lineage: Lineage) -> list[dict[str, Any]]:
    """The lineage as YAML and JSON know it."""
    return [{**vars(phase), "config": plain(phase.config), "mutations": list(phase.mutations)} for phase in lineage]


def build_lineage(phases: Any) -> Lineage:
    """The lineage in plain values.

    Raises:
        ValueError: it is none.
    """
    try:
        found = tuple(_phase(**phase) for phase in phases)
    except (TypeError, ConfigError) as error:
        raise ValueError(f"it is no lineage: {error}") from None
    if not found or found[0].step != 0 or any(earlier.step > later.step for earlier, later in pairwise(found)):
        raise ValueError("a lineage begins at step 0 and goes on from there")
    return found


def dump_lineage(lineage: Lineage) -> str:
    """JSON text that `read_lineage` reads."""
    return json.dumps(plain_lineage(lineage))


def read_lineage(text: str, place: str) -> Lineage:
    """The lineage in the text of a file at `place`.

    Raises:
        InputError: it is not whole.
    """
    try:
        return build_lineage(json.loads(text))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{place} is not a whole lineage: {clause(error)}") from None


def _phase(step: int, config: dict[str, Any], mutations: list[str], donor: str) -> Phase:
    if type(step) is not int or not all(isinstance(text, str) for text in (donor, *mutations)):
        raise TypeError("a phase has a step, names of mutations, and a donor")
    return Phase(step, build(Config, config), tuple(mutations), donor)
