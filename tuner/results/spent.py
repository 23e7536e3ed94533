"""What an experiment has cost so far: a record in its folder, so that one that is resumed goes on adding."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tuner.folder import Folder

FILE = "spent.json"
HOUR_S = 3600.0


@dataclass(frozen=True)
class Machine:
    """A kind of node that is paid for.

    Attributes:
        name: Instance type and market, such as `g5.xlarge spot`.
        dollars_an_hour: None where the price is not known.
    """

    name: str
    dollars_an_hour: float | None


@dataclass(frozen=True)
class Use:
    """How long machines of one kind have run, added up.

    Attributes:
        machine: Its name.
        seconds: Of all such machines together.
        dollars: None where the price is not known.
    """

    machine: str
    seconds: float
    dollars: float | None


@dataclass(frozen=True)
class Spent:
    """All that was used.

    Attributes:
        uses: One a kind of machine, in the order in which they came.
        as_of: The month of the prices; empty if they are the user's own.
    """

    uses: tuple[Use, ...] = ()
    as_of: str = ""

    @property
    def dollars(self) -> float:
        """As far as prices are known."""
        return sum(use.dollars or 0.0 for use in self.uses)

    def after(self, machines: Iterable[Machine], seconds: float) -> "Spent":
        """What was used once these machines have run for so many more seconds."""
        uses = {use.machine: use for use in self.uses}
        for machine in machines:
            before = uses.get(machine.name, Use(machine.name, 0.0, 0.0))
            price, dollars = machine.dollars_an_hour, before.dollars
            if price is None:
                dollars = None
            elif dollars is None:  # until now nobody knew the price
                dollars = price * (before.seconds + seconds) / HOUR_S
            else:
                dollars += price * seconds / HOUR_S
            uses[machine.name] = Use(machine.name, before.seconds + seconds, dollars)
        return Spent(tuple(uses.values()), self.as_of)

    def dump(self) -> str:
        """JSON that `read_spent` reads as an equal value."""
        uses = [{"machine": use.machine, "seconds": use.seconds, "dollars": use.dollars} for use in self.uses]
        return json.dumps({"dollars": self.dollars, "prices": self.as_of, "uses": uses}, indent=2) + "\n"


NOTHING = Spent()


def read_spent(folder: "Folder") -> Spent:
    """What the experiment's folder tells; nothing if it does not, or the file is not whole."""
    try:
        found = json.loads(folder.read(FILE) or "{}")
        uses = tuple(Use(one["machine"], float(one["seconds"]), _number(one["dollars"])) for one in found["uses"])
        return Spent(uses, str(found["prices"]))
    except (ValueError, KeyError, TypeError):
        return NOTHING


def _number(value: float | None) -> float | None:
    return None if value is None else float(value)
