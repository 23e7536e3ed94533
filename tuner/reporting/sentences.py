"""What an experiment came to, in plain sentences."""

from tuner.reporting.figures.words import UNIT, history, mean_predictor, number, p_value, plural, schedule, signed, told
from tuner.results.promotion import Interval
from tuner.results.standing import Standing
from tuner.results.verdict import Verdict


def warning(verdict: Verdict) -> str:
    """That the bundle loses to a baseline; empty if it does not."""
    if not verdict.lost_to:
        return ""
    best = verdict.lost_to[0]
    *others, last = (one.name for one in verdict.lost_to)
    names = f"{', '.join(others)} and {last}" if others else last
    mean = mean_predictor(verdict)
    expected = verdict.promotion.expected.rmse
    useless = mean in verdict.lost_to and mean is not None and mean.rmse is not None and expected >= mean.rmse.value
    return told(
        f"The bundle loses to {names}: the mean of {plural(verdict.promotion.networks, 'network')} should have an RMSE "
        f"of {number(expected)}, {best.name} has {_rmse(best)} on the same folds.",
        "It is no better than predicting the mean of each neuron: do not use it." if useless else "",
    )


def headline(verdict: Verdict) -> str:
    """The winner, how good it should be, and whether it is better than the base config."""
    return (
        f"{winner_name(verdict)} is the winner; {verdict.comparison}. The bundle, {_bundle(verdict)}, should have an "
        f"RMSE of {interval(verdict.promotion.expected)} on new images, in {UNIT}."
    )


def winner_name(verdict: Verdict) -> str:
    """`member-6`, or `member-6, a schedule of 3 configs,` before the rest of a sentence."""
    found = schedule(verdict.winner)
    return f"{verdict.winner.name}, {found}," if found else verdict.winner.name


def findings(verdict: Verdict) -> list[str]:
    """What else must be known to believe the headline, a sentence or two each."""
    found = (
        _claim(verdict),
        _member(verdict),
        told(f"It was chosen since {verdict.reason} ({verdict.num_measured} were measured).", _believed(verdict)),
        _against_control(verdict),
        _against_baselines(verdict),
        _perfect(verdict),
        "There were no finals: all numbers are those of the search itself." if verdict.stage == "search" else "",
    )
    return [sentence for sentence in found if sentence]


def interval(value: Interval) -> str:
    """`0.3395 (95 % interval 0.3301 to 0.3489)`, as far as it is known."""
    low, high = number(value.low), number(value.high)
    known = low[-1].isdigit() and high[-1].isdigit()
    return f"{number(value.rmse)} ({f'95 % interval {low} to {high}' if known else 'its interval is not known'})"


def _claim(verdict: Verdict) -> str:
    return (
        f"One network of a config and step that are chosen like this has an RMSE of {interval(verdict.claim)} on "
        f"images that had no part in the choice{verdict.among} ({verdict.protocol})."
    )


def _member(verdict: Verdict) -> str:
    """What the winner of a population is: its name alone tells nothing."""
    winner = verdict.winner
    if not verdict.evolution or not winner.mutations:
        return ""
    if winner.num_configs == 1:
        return f"{winner.name} has one config from the first step to its last: the base config with {history(winner)}."
    return (
        f"{winner.name} changes its config while it is trained: the base config with {history(winner)}. The bundle's "
        "networks go through the same configs."
    )


def _perfect(verdict: Verdict) -> str:
    if verdict.noise_rmse is None:
        return ""
    return f"A perfect model would have {number(verdict.noise_rmse)}: that is known, since the data are SIMULATED."


def _bundle(verdict: Verdict) -> str:
    networks, members = plural(verdict.promotion.networks, "network"), len(verdict.promotion.members)
    if members > 1:
        return f"the mean of {networks} of {members} variants"
    return networks if verdict.promotion.networks == 1 else f"the mean of {networks}"


def _believed(verdict: Verdict) -> str:
    believed = verdict.winner.search_rmse
    if believed is None or number(believed) == "–":
        return ""
    doubt = ", and so too good to be true" if believed < verdict.claim.rmse else ""
    return f"The search had believed {number(believed)} of it: the lowest of its curve{doubt}."


def _against_control(verdict: Verdict) -> str:
    difference, control = verdict.winner.difference, verdict.control
    if difference is None or control is None:
        return ""
    low, high = (signed(end) for end in difference.interval)
    return told(
        f"Its difference to the base config ({_rmse(control)}) is {signed(difference.value)} (95 % interval {low} to "
        f"{high}; p {_equals(p_value(verdict.winner.p))}, corrected for all variants tried); negative is better.",
        ""
        if verdict.probability is None
        else f"What is chosen like this is better than the base config with probability {verdict.probability:.2f}.",
    )


def _against_baselines(verdict: Verdict) -> str:
    listed = ", ".join(f"{one.name} {_rmse(one)}" for one in verdict.baselines if one.rmse is not None)
    return f"For comparison: {listed}; one network of the winner {_rmse(verdict.winner)}." if listed else ""


def _equals(p: str) -> str:
    return p if p.startswith("<") else f"= {p}"


def _rmse(standing: Standing) -> str:
    return number(standing.rmse.value if standing.rmse else None)
