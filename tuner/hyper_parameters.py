"""A config's settings as a flat table."""

from collections.abc import Sequence

from tuner.settings import Settings

HyperParameters = dict[str, bool | int | float | str]


def hyper_parameters(settings: Settings, prefix: str = "") -> HyperParameters:
    """Every setting that is not null by its dotted name; lists of numbers as text."""
    found: HyperParameters = {}
    for name, value in settings:
        _add(found, f"{prefix}{name}", value)
    return found


def _add(found: HyperParameters, name: str, value: object) -> None:
    if isinstance(value, Settings):
        found.update(hyper_parameters(value, f"{name}.") if type(value).model_fields else {name: True})
    elif isinstance(value, tuple) and any(isinstance(item, Settings) for item in value):
        for index, item in enumerate(value):
            _add(found, f"{name}.{index}", item)
    elif isinstance(value, bool | int | float | str):
        found[name] = value
    elif value is not None:
        found[name] = str(value)


def differing(tables: Sequence[HyperParameters]) -> set[str]:
    """Names that are missing from some of the tables, or have other values there."""
    names = {name for table in tables for name in table}
    return {name for name in names if len({repr(table.get(name)) for table in tables}) > 1}
