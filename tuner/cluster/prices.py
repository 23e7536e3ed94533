"""What the nodes of a cluster cost: by AWS's price list, or by the user's own prices in the cluster file."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import yaml

from tuner.cluster.file import ClusterFile
from tuner.cluster.node_types import Market, NodeType
from tuner.errors import InputError
from tuner.results.spent import Machine

OWN = "metadata.prices"


@dataclass(frozen=True)
class PriceList:
    """Prices as they were once.

    Attributes:
        as_of: The month, such as `2026-06`.
        region: Where they hold.
        dollars_an_hour: By instance type and market.
    """

    as_of: str
    region: str
    dollars_an_hour: Mapping[str, Mapping[str, float]]


@dataclass(frozen=True)
class Fleet:
    """The machines of a cluster, and when their prices were what they are.

    Attributes:
        as_of: The month of the price list; empty if every price is the user's own.
        machines: By the name of the node type in the cluster file.
    """

    as_of: str
    machines: Mapping[str, Machine]


@cache
def price_list() -> PriceList:
    """The one that comes with this package."""
    found = yaml.safe_load((files("tuner.cluster") / "prices.yaml").read_text())
    return PriceList(str(found["as_of"]), found["region"], found["dollars_an_hour"])


def fleet_of(cluster: ClusterFile) -> Fleet:
    """The machines that the cluster file names, by the user's own prices, or the list's where it holds."""
    known = price_list()
    listed = known.dollars_an_hour if cluster.region == known.region else {}
    machines = {kind.name: _machine(kind, cluster.prices, listed) for kind in cluster.node_types}
    own = all(kind.market in cluster.prices.get(kind.instance_type, {}) for kind in cluster.node_types)
    return Fleet("" if own else known.as_of, machines)


def check_priced(fleet: Fleet, option: str) -> None:
    """Nothing happens if the price of every machine is known.

    Raises:
        InputError: it is not; `option` needs it.
    """
    if not fleet.machines:
        raise InputError(
            f"{option} needs the price of every node, but this cluster is of machines that were there before"
        )
    missing = sorted({one.name for one in fleet.machines.values() if one.dollars_an_hour is None})
    if missing:
        raise InputError(
            f"{option} needs the price of every node, but there is no price of {', '.join(missing)}: write it into "
            f"{OWN} of the cluster file, and run ray up again"
        )


def _machine(
    kind: NodeType, own: Mapping[str, Mapping[Market, float]], listed: Mapping[str, Mapping[str, float]]
) -> Machine:
    known = listed.get(kind.instance_type, {}).get(kind.market)
    dollars = own.get(kind.instance_type, {}).get(kind.market, known)
    return Machine(f"{kind.instance_type} {kind.market}", None if dollars is None else float(dollars))
