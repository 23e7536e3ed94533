"""A verdict as plain values: what `verdict.json` and the bundle's `metrics.json` hold."""

import json
import math
from typing import Any, Literal

from tuner.folder import Folder
from tuner.results.evolution import Branch, Evolution
from tuner.results.files import BUNDLE, BUNDLE_FILES, METRICS
from tuner.results.promotion import Interval
from tuner.results.verdict import Verdict

BundleState = Literal["this", "another", "none"]


def facts(verdict: Verdict) -> dict[str, Any]:
    """The numbers and clauses of a verdict; the first ones are of the bundle, then of one of its networks.

    A number that nothing tells is None, since JSON has no NaN.
    """
    promotion, control, winner = verdict.promotion, verdict.control, verdict.winner
    difference = winner.difference
    found = {
        **_interval("rmse", promotion.expected),
        **_interval("network_rmse", verdict.claim),
        "variant": winner.name,
        "rule": verdict.rule,
        "reason": verdict.reason,
        "stage": verdict.stage,
        "protocol": verdict.protocol,
        "search_rmse_lowest_of_curve": winner.search_rmse,
        "num_variants": verdict.num_measured,
        "comparison": verdict.comparison,
        "better_than_base": verdict.is_better,
        "base_network_rmse": control.rmse.value if control and control.rmse else None,
        "difference_to_base": difference.value if difference else None,
        "difference_to_base_interval": list(difference.interval) if difference else None,
        "difference_to_base_p_corrected": winner.p,
        "probability_better_than_base": verdict.probability,
        "baselines": {one.name: one.rmse.value for one in verdict.baselines if one.rmse},
        "loses_to": [one.name for one in verdict.lost_to],
        "noise_rmse": verdict.noise_rmse,
        "num_networks": promotion.networks,
        "members": [
            {"variant": member.variant, "networks": member.networks, "step": member.step}
            for member in promotion.members
        ],
        "members_reason": promotion.reason,
    }
    return {name: _told(value) for name, value in found.items()}


def evolved(evolution: Evolution) -> dict[str, Any]:
    """The winner's schedule and all members' branches; empty if the search was of no population."""
    if not evolution:
        return {}
    found = {
        "schedule": [{**_branch(one), "rmse": one.last} for one in evolution.path],
        "population": [
            {**_branch(one), "steps": list(one.steps), "rmse": list(one.rmse)} for one in evolution.branches
        ],
    }
    return {name: _told(value) for name, value in found.items()}


def bundle_state(folder: Folder, verdict: Verdict) -> BundleState:
    """Whether the experiment's folder holds the bundle that the verdict tells of, or another one, or none."""
    if not all(folder.exists(f"{BUNDLE}/{name}") for name in BUNDLE_FILES):
        return "none"
    try:
        held = json.loads(folder.read(f"{BUNDLE}/{METRICS}"))
    except ValueError:
        return "another"
    same = isinstance(held, dict) and held.get("members") == facts(verdict)["members"]
    return "this" if same else "another"


def _interval(name: str, found: Interval) -> dict[str, Any]:
    return {name: found.rmse, f"{name}_interval": [found.low, found.high]}


def _branch(one: Branch) -> dict[str, Any]:
    names = ("member", "step", "donor", "inherited")
    return {**{name: getattr(one, name) for name in names}, "mutations": list(one.mutations)}


def _told(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _told(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_told(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
