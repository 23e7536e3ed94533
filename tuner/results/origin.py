"""What a model was trained on: it goes with the model, so that nothing exported later says otherwise."""

import json
from dataclasses import asdict, dataclass, fields

from tuner.dataset.load import Dataset
from tuner.errors import InputError, short

ORIGIN = "origin.json"


@dataclass(frozen=True)
class Origin:
    """The data and the seed of a trial or a model.

    Attributes:
        data: One sentence on the data set.
        simulated: Whether nobody recorded it.
        fingerprint: Its hash.
        seed: What decided everything random.
    """

    data: str
    simulated: bool
    fingerprint: str
    seed: int

    def dump(self) -> str:
        """JSON text that `read_origin` reads."""
        return json.dumps(asdict(self), indent=2) + "\n"


def origin_of(dataset: Dataset, seed: int) -> Origin:
    """The origin of what is trained on this data set with this seed."""
    return Origin(describe_data(dataset), dataset.simulated, dataset.fingerprint, seed)


def describe_data(dataset: Dataset) -> str:
    """One sentence on a data set; it says so where nobody recorded it."""
    kind = (
        "SIMULATED responses, which nobody recorded,"
        if dataset.simulated
        else f"Responses in `{short(dataset.source)}`"
    )
    size = f"{len(dataset.neurons)} neurons to {len(dataset.labelled)} images"
    return f"{kind} of {size} (fingerprint {dataset.fingerprint})."


def read_origin(text: str, place: str) -> Origin:
    """The origin in the text of a file at `place`.

    Raises:
        InputError: it is not whole.
    """
    try:
        origin = Origin(**json.loads(text))
        whole = all(type(getattr(origin, field.name)) is field.type for field in fields(Origin))
        if not whole or not (origin.data + origin.fingerprint).isprintable() or not 0 <= origin.seed < 2**63:
            raise ValueError
    except (ValueError, TypeError, RecursionError):
        raise InputError(f"{place}/{ORIGIN} is missing or not whole") from None
    return origin
