"""What was run: enough to run it again."""

import platform
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from tuner.config import Config
from tuner.errors import InputError
from tuner.settings import plain

VERSIONS = ("tuner", "ray", "torch", "numpy")
MUST_STAY = ("base", "mutations", "depth", "seed", "fingerprint")
OPTIONS_MUST_STAY = ("max_concurrent", "finalists", "rounds")
"""Ray restores the first as it was; the others decide who runs in the finals."""


@dataclass(frozen=True)
class Plan:
    """What the user asked for.

    Attributes:
        command: As it was typed.
        options: The command's, by name.
        seed: Decides everything random.
        depth: The longest sequence of mutations.
        base: The base config.
        mutations: The mutations file's values.
        variants: Name to the names of its mutations, the control first.
        data: The folder of the data set, absolute, or `simulated`.
        fingerprint: The data set's.
        neurons: Names.
    """

    command: str
    options: dict[str, Any]
    seed: int
    depth: int
    base: Config
    mutations: Any
    variants: dict[str, list[str]]
    data: str
    fingerprint: str
    neurons: tuple[str, ...]

    def manifest(self) -> dict[str, Any]:
        """The plan as `manifest.yaml` holds it, with the versions it is run with."""
        plan = {**vars(self), "base": plain(self.base), "neurons": list(self.neurons)}
        return {**plan, "versions": {"python": platform.python_version(), **{name: version(name) for name in VERSIONS}}}


def check_unchanged(now: dict[str, Any], then: dict[str, Any]) -> None:
    """Nothing happens if an experiment can be resumed with this manifest.

    Raises:
        InputError: it names what differs.
    """
    changed = [key for key in MUST_STAY if now[key] != then.get(key)]
    changed += [key for key in OPTIONS_MUST_STAY if now["options"][key] != then.get("options", {}).get(key)]
    if changed:
        what = " and ".join(changed)
        raise InputError(
            f"this experiment began with another {what}; resume it with the same, or choose another --name"
        )
