"""Money and time in words."""

from tuner.results.spent import HOUR_S, Spent, Use


def cost(spent: Spent) -> str:
    """`about $1.84 (prices of 2026-06): 3.1 h of g5.xlarge spot, 1.2 h of m7i.large on-demand`."""
    whose = f"prices of {spent.as_of}" if spent.as_of else "your own prices"
    uses = ", ".join(map(_use, spent.uses))
    known = any(use.dollars is not None for use in spent.uses)
    return f"about {dollars(spent.dollars)} ({whose}): {uses}" if known else uses


def dollars(amount: float) -> str:
    """`$1.84`; what is less than a cent and not nothing is `less than $0.01`."""
    return "less than $0.01" if 0 < amount < 0.005 else f"${amount:,.2f}"


def hours(seconds: float) -> str:
    """`2.1 h`, or `34 min` if it is less than an hour and a half."""
    if seconds >= 1.5 * HOUR_S:
        return f"{seconds / HOUR_S:,.1f} h"
    return f"{seconds / 60:.0f} min" if seconds >= 60 else f"{seconds:.0f} s"


def _use(use: Use) -> str:
    unknown = ", whose price is not known" if use.dollars is None else ""
    return f"{hours(use.seconds)} of {use.machine}{unknown}"
