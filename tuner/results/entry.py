"""A variant of an experiment."""

from dataclasses import dataclass

from tuner.config import Config
from tuner.lineage import Lineage, Phase


@dataclass(frozen=True)
class Entry:
    """A variant as the manifest lists it.

    Attributes:
        name: Of its folder.
        config: Its config; of a schedule, the last one.
        mutations: Names of all that made it of the base config, in order.
        schedule: Its lineage, if it had several configs while it was trained.
    """

    name: str
    config: Config
    mutations: tuple[str, ...]
    schedule: Lineage = ()

    @property
    def lineage(self) -> Lineage:
        """Its configs in the order in which it has them."""
        return self.schedule or (Phase(0, self.config, self.mutations),)

    @staticmethod
    def of(name: str, lineage: Lineage) -> "Entry":
        """The variant that has these configs, one after the other."""
        mutations = tuple(mutation for phase in lineage for mutation in phase.mutations)
        return Entry(name, lineage[-1].config, mutations, lineage if len(lineage) > 1 else ())
