"""How variants are chosen, and when their trials end: what the user asks for, kept in the manifest."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal, get_args

from tuner.errors import InputError

Search = Literal["grid", "random", "optuna"]
Scheduler = Literal["none", "asha", "median", "hyperband"]
Sampler = Literal["tpe", "gp", "cmaes", "nsga2"]
Objective = Literal["rmse", "rmse,macs"]
SEARCHES: tuple[Search, ...] = get_args(Search)
SCHEDULERS: tuple[Scheduler, ...] = get_args(Scheduler)
SAMPLERS: tuple[Sampler, ...] = get_args(Sampler)
OBJECTIVES: tuple[Objective, ...] = get_args(Objective)
SAMPLES = 16
MAX_SAMPLES = 10_000


@dataclass(frozen=True)
class Strategy:
    """How variants are chosen.

    Attributes:
        search: Whether all are tried, some drawn at random, or each suggested by what was measured before.
        scheduler: Which of Ray Tune's schedulers ends trials early; `none` is none of them.
        samples: Variants beside the control, at most; None for a grid.
        sampler: Optuna's; None for other searches.
        objective: What is made as low as possible, for Optuna; `rmse` for other searches.
    """

    search: Search = "grid"
    scheduler: Scheduler = "none"
    samples: int | None = None
    sampler: Sampler | None = None
    objective: Objective = "rmse"

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
        if search != "optuna" and ("sampler" in given or several):
            option = "--sampler" if "sampler" in given else f"--objective {given['objective']}"
            raise InputError(f"{option} belongs to --search optuna, but got --search {search}")
        if several and given.get("sampler") == "cmaes":
            raise InputError("--sampler cmaes knows one objective; take nsga2, tpe or gp, or --objective rmse")
        if search != "grid":
            given.setdefault("samples", SAMPLES)
        if search == "optuna":
            given.setdefault("sampler", "nsga2" if several else "tpe")
        if given.get("samples", 0) > MAX_SAMPLES:
            raise InputError(f"--samples must be at most {MAX_SAMPLES}, but got {given['samples']}")
        return Strategy(**given)


GRID = Strategy()
"""Each variant of the mutations file, to its own end."""
