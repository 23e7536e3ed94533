"""What a run on a cluster of `ray up` costs: metered while it goes on, and kept in the experiment's folder."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tuner.errors import InputError, TunerError
from tuner.results.files import MANIFEST
from tuner.results.spent import FILE, Spent, read_spent
from tuner.stages.budget import Purse
from tuner.stages.meter import Meter

if TYPE_CHECKING:
    from tuner.cluster.file import ClusterFile
    from tuner.folder import Folder
    from tuner.raytune.watch import ClusterState

WRITE_EVERY_S = 60.0
log = logging.getLogger(__name__)


def own_cluster(address: str | None) -> "ClusterFile | None":
    """The cluster that this machine is the head of; None if it is of none, or no cluster is used.

    Raises:
        InputError: its file cannot be read.
    """
    if address is None:
        return None
    from tuner.cluster.file import read_cluster  # takes a while, with Ray
    from tuner.raytune.autoscaling import FILE

    place = FILE.expanduser()
    return read_cluster(place) if place.is_file() else None


class Spending:
    """A meter that keeps what it measures in the experiment's folder.

    Args:
        meter: Goes on from what the folder tells.
        folder: The experiment's.
    """

    def __init__(self, meter: Meter, folder: "Folder") -> None:
        self.meter, self._folder, self._written = meter, folder, time.monotonic()

    def watch(self, state: "ClusterState") -> None:
        """Looks at the nodes; once a minute the folder is told."""
        self.meter.look((*state.nodes.values(), *state.coming))
        if time.monotonic() - self._written >= WRITE_EVERY_S:
            self.write()

    def write(self) -> None:
        """The experiment's folder knows what was spent until now; before there is an experiment nothing is written."""
        self._written = time.monotonic()
        try:
            if self._folder.exists(MANIFEST):
                self._folder.write(FILE, self.meter.spent.dump())
        except TunerError:
            log.exception("what was spent cannot be written")


def spending_for(address: str | None, folder: "Folder", max_cost: float | None) -> Spending | None:
    """What meters a run; None where nothing is known of what its nodes cost.

    Args:
        address: Of the cluster; None is none.
        folder: The experiment's: what was spent before is there.
        max_cost: In dollars, if the run is not to cost more.

    Raises:
        InputError: `max_cost` is given, and there is a node whose price is not known.
    """
    try:
        cluster = own_cluster(address)
    except InputError:
        if max_cost is not None:
            raise
        log.exception("it is not known what the nodes cost")
        return None
    if max_cost is not None and cluster is None:
        raise InputError(
            "--max-cost needs a cluster that ray up has started, and --address auto on its head: only there it is "
            "known what the nodes are"
        )
    if cluster is None:
        return None
    from tuner.cluster.prices import check_priced, fleet_of  # see above

    fleet = fleet_of(cluster)
    if max_cost is not None:
        check_priced(fleet, "--max-cost")
    before = read_spent(folder)
    return Spending(Meter(fleet.machines, Spent(before.uses, fleet.as_of)), folder) if fleet.machines else None


def purse_of(spending: Spending | None, max_cost: float | None) -> Purse | None:
    """The money that a run may cost; None is without end."""
    return None if spending is None or max_cost is None else Purse(max_cost, spending.meter)


@contextmanager
def kept(spending: Spending | None) -> Iterator[None]:
    """Afterwards, however it ends, the folder knows what was spent."""
    try:
        yield
    finally:
        if spending is not None:
            spending.write()
