"""How variants are chosen, and when their trials end: what the user asks for, kept in the manifest."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal, get_args

from tuner.errors import InputError

Search = Literal["grid", "random", "optuna", "pbt"]
Scheduler = Literal["none", "asha", "median", "hyperband"]
Sampler = Literal["tpe", "gp", "cmaes", "nsga2"]
Objective = Literal["rmse", "rmse,macs"]
SEARCHES: tuple[Search, ...] = get_args(Search)
SCHEDULERS: tuple[Scheduler, ...] = get_args(Scheduler)
SAMPLERS: tuple[Sampler, ...] = get_args(Sampler)
OBJECTIVES: tuple[Objective, ...] = get_args(Objective)
BRED: dict[str, Any] = {"population": 8, "interval": None, "quantile": 0.25, "structural": 0.5}
"""What a population is like, if it is not told."""
SAMPLES = 16
STARTS = 3
"""Members that a population begins with, times its size: the first interval tells the hopeless ones cheaply."""
MAX_SAMPLES = 10_000


@dataclass(frozen=True)
class Strategy:
    """How variants are chosen.

    Attributes:
        search: Whether all are tried, some drawn at random, each suggested by what was measured before, or a population
            of them goes on from its best members.
        scheduler: Which of Ray Tune's schedulers ends trials early; `none` is none of them.
        samples: Variants beside the control, at most; in a population, those that it begins with. None for a grid.
        sampler: Optuna's; None for other searches.
        objective: What is made as low as possible, for Optuna; `rmse` for other searches.
        population: Members of a population that go on, the control among them; None for other searches, as are those
            below.
        interval: Training steps between two replacements of its worst members; None is an eighth of
            `max_steps`, and two evaluations at least.
        quantile: Share of its members that are replaced, and share of those that they may be replaced by.
        structural: How likely a mutation is one that changes the shapes of a network's weights.
    """

    search: Search = "grid"
    scheduler: Scheduler = "none"
    samples: int | None = None
    sampler: Sampler | None = None
    objective: Objective = "rmse"
    population: int | None = None
    interval: int | None = None
    quantile: float | None = None
    structural: float | None = None

    @staticmethod
    def of(options: Mapping[str, Any]) -> "Strategy":
        """The strategy among a command's options; what is None or missing is as the others have it.

        Raises:
            InputError: some of them do not belong together.
        """
        given = {field.name: options[field.name] for field in fields(Strategy) if options.get(field.name) is not None}
        search, several = given.get("search", "grid"), given.get("objective", "rmse") != "rmse"
        if search == "grid" and "samples" in given:
            raise InputError("--samples does not belong to --search grid, which tries all variants; leave it out")
        bred = next((name for name in BRED if name in given), None)
        if search != "pbt" and bred is not None:
            raise InputError(f"--{bred} belongs to --search pbt, but got --search {search}")
        if search == "pbt" and given.get("scheduler", "none") != "none":
            raise InputError("--scheduler does not belong to --search pbt, which is one; leave it out")
        if search != "optuna" and ("sampler" in given or several):
            option = "--sampler" if "sampler" in given else f"--objective {given['objective']}"
            raise InputError(f"{option} belongs to --search optuna, but got --search {search}")
        if search == "pbt":
            given = {**BRED, **given}
            _check_population(**{name: given[name] for name in BRED})
            given.setdefault("samples", min(MAX_SAMPLES, STARTS * given["population"] - 1))
            _check_samples(given["samples"])
            return Strategy(**{name: value for name, value in given.items() if value is not None})
        if several and given.get("sampler") == "cmaes":
            raise InputError("--sampler cmaes knows one objective; take nsga2, tpe or gp, or --objective rmse")
        if search != "grid":
            given.setdefault("samples", SAMPLES)
        if search == "optuna":
            given.setdefault("sampler", "nsga2" if several else "tpe")
        _check_samples(given.get("samples", 0))
        return Strategy(**given)


def _check_samples(samples: int) -> None:
    if samples > MAX_SAMPLES:
        raise InputError(f"--samples must be at most {MAX_SAMPLES}, but got {samples}")


def _check_population(population: int, interval: int | None, quantile: float, structural: float) -> None:
    if not 3 <= population <= MAX_SAMPLES:
        raise InputError(f"--population must be 3 to {MAX_SAMPLES}, the base config among them, but got {population}")
    if not 0 < quantile <= 0.5:
        raise InputError(f"--quantile must be above 0 and at most 0.5, but got {quantile:g}")
    if not 0 <= structural <= 1:
        raise InputError(f"--structural must be a probability, 0 to 1, but got {structural:g}")


GRID = Strategy()
"""Each variant of the mutations file, to its own end."""
