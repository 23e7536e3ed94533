"""What a run on a cluster may take, by a moment's training of each architecture there."""

from collections.abc import Sequence
from functools import partial

from rich.console import RenderableType
from rich.table import Table

from tuner.command import hold_log
from tuner.config import Config
from tuner.dataset.fit import fitted
from tuner.engine.calibration import MEASURED_S, Speed, architecture, speed_of, words
from tuner.errors import InputError
from tuner.raytune.resources import Resources, check_resources, node_shapes, start_ray
from tuner.raytune.slots import slots_of
from tuner.raytune.workers import on_workers
from tuner.reporting.money import dollars, hours
from tuner.results.spent import Machine
from tuner.stages.budget import EXPORT_S
from tuner.stages.design import Design, interval_of
from tuner.stages.estimate import Estimate, NodePool, estimated
from tuner.stages.on_cluster import nodes_cared_for
from tuner.stages.spending import own_cluster
from tuner.stages.workload import Durations, durations_of, later_stages, search_stages

NOT_IN_IT = "not in it: waiting for nodes that are not to be had, and on-demand nodes in the place of spot ones"
NODE = Machine("node", None)
"""One of a cluster that is not known to be made of machines with a price."""


def forecast(
    design: Design, resources: Resources, address: str, *, promoted: bool, patience_s: float
) -> list[RenderableType]:
    """A table of the architectures, and a line on what the run takes at most.

    It waits until a node is there that can train.

    Args:
        design: That would be run.
        resources: That trials would use.
        address: Of the cluster.
        promoted: Whether there would be a bundle.
        patience_s: How long it waits for spot instances.

    Raises:
        InputError: there is no such cluster, or it cannot hold a single trial.
        TunerError: an architecture cannot be trained.
    """
    hold_log()
    start_ray(address)
    resources = check_resources(resources)
    configs = _configs(design)
    with nodes_cared_for(patience_s):
        speeds = _speeds(configs, design, resources)
    trials = [durations_of(config, speeds[architecture(config)], len(design.dataset.labelled)) for config in configs]
    training = design.entries[0].config.training
    population = design.strategy.population
    stages = (
        *search_stages(trials, design.strategy, training.max_steps, interval_of(design.strategy.interval, training)),
        *later_stages(trials, design.policy, population=population, promoted=promoted),
    )
    pools = _pools(address, resources)
    found = estimated(stages, pools, resources.max_concurrent, EXPORT_S if promoted else 0.0)
    if found is None:
        raise InputError("no node of the cluster can hold a trial: is max_workers of a node type 0?")
    return ["", _table(configs, speeds, trials), "", at_most(found), NOT_IN_IT, *_by_examples(design, len(trials))]


def _configs(design: Design) -> list[Config]:
    """Those of the variants, or, of a search that is told them on the way, of some that it may be told."""
    examples = (fitted(config, design.dataset) for config in design.examples)
    return [*(entry.config for entry in design.entries), *examples]


def _speeds(configs: Sequence[Config], design: Design, resources: Resources) -> dict[Config, Speed]:
    """By architecture, one after the other. As many processes train it as share a GPU, on one; the slowest counts."""
    kinds = list(dict.fromkeys(map(architecture, configs)))
    gpus = resources.gpus_per_trial or 0
    together = max(1, int(1 / gpus)) if gpus else 1
    measure = partial(speed_of, dataset=design.dataset, seconds=MEASURED_S)

    def slowest(kind: Config) -> Speed:
        found: list[Speed] = on_workers(measure, [(kind,)] * together, resources, together=True)
        return min(found, key=lambda speed: speed.steps_per_s)

    return {kind: slowest(kind) for kind in kinds}


def _pools(address: str, resources: Resources) -> list[NodePool]:
    """The cluster's nodes: by its file, spot first, or as Ray knows them."""
    cpus, gpus = resources.cpus_per_trial, resources.gpus_per_trial or 0
    cluster = own_cluster(address)
    if cluster is None or not cluster.node_types:
        return [NodePool(NODE, 1, slots_of(shape, cpus, gpus), always=True) for shape in node_shapes()]
    from tuner.cluster.prices import fleet_of

    machines, left = fleet_of(cluster).machines, cluster.max_workers
    head = cluster.node_types[0]
    pools = [NodePool(machines[head.name], 1, slots_of(head.resources, cpus, gpus), always=True)]
    for kind in sorted(cluster.workers, key=lambda kind: kind.market != "spot"):
        pools.append(NodePool(machines[kind.name], min(kind.max_workers, left), slots_of(kind.resources, cpus, gpus)))
        left -= pools[-1].nodes
    return pools


def _table(configs: Sequence[Config], speeds: dict[Config, Speed], trials: Sequence[Durations]) -> Table:
    table = Table("architecture", box=None, pad_edge=False)
    for title in ("variants", "steps/s", "all their trials, one by one, at most"):
        table.add_column(title, justify="right")
    for kind, speed in speeds.items():
        of_it = [trial.search_s for config, trial in zip(configs, trials, strict=True) if architecture(config) == kind]
        table.add_row(words(kind), str(len(of_it)), f"{speed.steps_per_s:,.3g}", hours(sum(of_it)))
    return table


def at_most(found: Estimate) -> str:
    """The estimate in a sentence."""
    nodes = [f"{number} {machine.name}" for machine, number in reversed(found.nodes) if machine != NODE]
    others = sum(number for machine, number in found.nodes if machine == NODE)
    nodes += [f"{others} node{'s' * (others > 1)}"] if others else []
    price = f" and {dollars(found.dollars)}" if found.dollars is not None else ""
    unknown = ", whose price is not known" if found.dollars is None else ""
    where = " and ".join(nodes)
    return f"at most about {hours(found.seconds)}{price} on {where}{unknown}; early stopping usually ends before that"


def _by_examples(design: Design, number: int) -> list[str]:
    if design.strategy.search not in ("optuna", "pbt"):
        return []
    return [f"by {number} variants that the search may begin with: those that come later may be slower or faster"]
