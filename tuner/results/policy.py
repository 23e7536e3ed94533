"""How a winner is chosen and what is made of it: what the user asks for, kept in the manifest."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal, get_args

from tuner.errors import InputError
from tuner.results.verdict import Rule

Ensemble = Literal["auto", "winner", "finals"]
Finalists = int | Literal["auto"]
RULES: tuple[Rule, ...] = get_args(Rule)
ENSEMBLES: tuple[Ensemble, ...] = get_args(Ensemble)


@dataclass(frozen=True)
class Policy:
    """How a winner is chosen.

    Attributes:
        rule: See `tuner.selection.rules.select`.
        finalists: Variants in the finals, at most, the control among them; `auto` is the better half of the search, 8
            at most; 0 chooses by the search alone.
        rounds: Of the finals, at most: each is one more repeat of the cross-validation.
        ensemble: Whose networks the bundle holds: the winner's, those of all finalists as good as the best, or `auto`,
            whichever the finals say is better.
        seeds: Networks in the bundle, at least.
    """

    rule: Rule = "one_se"
    finalists: Finalists = "auto"
    rounds: int = 2
    ensemble: Ensemble = "auto"
    seeds: int = 5

    @staticmethod
    def of(options: Mapping[str, Any], recorded: Mapping[str, Any] | None = None) -> "Policy":
        """The policy among a command's options, by their names.

        Args:
            options: Those of a command; one that is None or missing is as recorded.
            recorded: Those of the run, from its manifest.

        Raises:
            InputError: one of them is in neither, as in experiments of an earlier version, or is none.
        """
        given = {name: value for name, value in options.items() if value is not None}
        known = {**(recorded or {}), **given}
        names = [field.name for field in fields(Policy)]
        missing = [name for name in names if name not in known]
        if missing:
            raise InputError(f"the experiment's manifest has no {missing[0]}: an earlier version of tuner ran it")
        policy = Policy(**{name: known[name] for name in names})
        wrong = next((name for name in names if not _is_allowed(name, getattr(policy, name))), None)
        if wrong is not None:
            raise InputError(f"the experiment's manifest has {wrong}: {getattr(policy, wrong)!r}, which cannot be")
        return policy


def _is_allowed(name: str, value: Any) -> bool:
    if name in ("rule", "ensemble"):
        return value in (RULES if name == "rule" else ENSEMBLES)
    if name == "finalists" and value in ("auto", 0):
        return True
    return type(value) is int and 1 <= value < 10**9
