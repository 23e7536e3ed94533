"""The experiment's `report.html`: one file that needs nothing else, for readers who did not run the experiment."""

from typing import Any

import yaml
from jinja2 import Environment, PackageLoader, StrictUndefined

from tuner.reporting.figures.canvas import Picture
from tuner.reporting.figures.curves import curves_picture
from tuner.reporting.figures.effects import effects_picture
from tuner.reporting.figures.importances import importances_picture
from tuner.reporting.figures.interval import axis_svg
from tuner.reporting.figures.neurons import neuron_effects_picture, neurons_picture
from tuner.reporting.figures.parallel import parallel_picture
from tuner.reporting.figures.population import population_picture
from tuner.reporting.figures.responses import responses_picture
from tuner.reporting.figures.words import plural
from tuner.reporting.leaderboard_rows import groups, leaderboard_limits
from tuner.reporting.money import cost
from tuner.reporting.population_rows import replacement_rows, schedule_rows
from tuner.reporting.sentences import findings, headline, warning
from tuner.results.entry import Entry
from tuner.results.facts import BundleState
from tuner.results.spent import NOTHING, Spent
from tuner.results.verdict import Verdict

SIMULATED = "SIMULATED"
TEMPLATE = "report.html.jinja"


def report(
    verdict: Verdict,
    entries: tuple[Entry, ...],
    manifest: dict[str, Any],
    data: str,
    bundle: BundleState,
    spent: Spent = NOTHING,
    cut_short: str = "",
) -> str:
    """A whole HTML page; the same for the same arguments.

    Args:
        verdict: What the experiment came to.
        entries: All variants.
        manifest: What was run; what it lacks is left out.
        data: One sentence on the data set; it says SIMULATED where nobody recorded it.
        bundle: Whether there is a bundle, and that of the verdict.
        spent: What the experiment cost.
        cut_short: Why the search was ended before all its trials had; empty if it was not.
    """
    environment = Environment(
        loader=PackageLoader("tuner.reporting", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    options = manifest.get("options") or {}
    return environment.get_template(TEMPLATE).render(
        title=" / ".join(str(options[key]) for key in ("group", "name") if options.get(key)) or "experiment",
        data=data,
        simulated=SIMULATED in data or verdict.noise_rmse is not None,
        warning=warning(verdict),
        headline=headline(verdict),
        findings=[*([f"The search was cut short: {cut_short}."] if cut_short else []), *findings(verdict)],
        verdict=verdict,
        bundle=bundle,
        groups=groups(verdict),
        axis=axis_svg(leaderboard_limits(verdict)),
        pictures=_pictures(verdict, entries),
        schedule=schedule_rows(verdict.evolution),
        replacements=replacement_rows(verdict.evolution),
        facts={**_facts(verdict, manifest, data), **({"cost": cost(spent)} if spent.uses else {})},
        base=_yaml(manifest.get("base")),
        mutations=_yaml(manifest.get("mutations")),
    )


def _pictures(verdict: Verdict, entries: tuple[Entry, ...]) -> dict[str, Picture]:
    """By name, those that there is something to draw for."""
    found: dict[str, Picture | None] = {
        "population": population_picture(verdict),
        "effects": effects_picture(verdict),
        "curves": curves_picture(verdict),
        "neurons": neurons_picture(verdict),
        "neuron_effects": neuron_effects_picture(verdict),
        "responses": responses_picture(verdict),
        "parallel": parallel_picture(verdict, entries),
        "importances": importances_picture(verdict.importances),
    }
    return {name: picture for name, picture in found.items() if picture is not None}


def _facts(verdict: Verdict, manifest: dict[str, Any], data: str) -> dict[str, str]:
    """What was run, a line each."""
    versions = ", ".join(f"{name} {number}" for name, number in (manifest.get("versions") or {}).items())
    found = {
        "command": manifest.get("command"),
        "seed": manifest.get("seed"),
        "versions": versions,
        "data": data,
        "data folder": manifest.get("data"),
        "fingerprint of the data": manifest.get("fingerprint"),
        "longest sequence of mutations": manifest.get("depth"),
        "rule": f"{verdict.rule}: the winner was chosen since {verdict.reason}",
        "protocol": verdict.protocol,
        "bundle": f"{plural(verdict.promotion.networks, 'network')}: {verdict.promotion.reason}",
    }
    return {name: str(value) for name, value in found.items() if value not in (None, "")}


def _yaml(value: Any) -> str:
    """Values as a config file has them; empty without any."""
    return "" if value is None else yaml.safe_dump(value, sort_keys=False, allow_unicode=True)
