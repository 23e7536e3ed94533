"""Groups of settings: built from plain values, changed, and what is said when they are wrong."""

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from tuner.document import brief, nearest
from tuner.errors import ConfigError
from tuner.errors import Path as KeyPath


class Settings(BaseModel):
    """A group of settings: immutable, of exact types, with no others beside them."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


AnySettings = TypeVar("AnySettings", bound=Settings)


def build(kind: type[AnySettings], values: Mapping[str, Any], at: KeyPath = ()) -> AnySettings:
    """Settings of one kind from plain values.

    Args:
        kind: Which group of settings.
        values: Its values by key.
        at: Where the group stands in a config, for the error.

    Raises:
        ConfigError: with the path of the first setting that is wrong.
    """
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        problems = error.errors(include_url=False)
        first = next((problem for problem in problems if problem["type"] == "extra_forbidden"), problems[0])
        raise ConfigError((*at, *first["loc"]), _problem(kind, first)) from None


def replaced(settings: AnySettings, changes: Mapping[str, Any], at: KeyPath = ()) -> AnySettings:
    """A copy with some settings changed, checked like one that was read from a file.

    Raises:
        ConfigError: as `build`.
    """
    kept = {name: getattr(settings, name) for name in type(settings).model_fields}
    merged = {name: value for name, value in {**kept, **changes}.items() if value is not None or name not in kept}
    return build(type(settings), merged, at)


def plain(settings: Settings) -> dict[str, Any]:
    """The settings as YAML and JSON know them; what is null is left out, since null is always the default."""
    return settings.model_dump(mode="json", exclude_none=True)


def _problem(kind: type[Settings], error: Any) -> str:
    if error["type"] == "extra_forbidden":
        *parents, name = error["loc"]
        return f"is not a setting; {nearest(str(name), _known(kind, parents))}"
    if error["type"] == "missing":
        return "is missing"
    if error["type"] == "value_error":
        return str(error["ctx"]["error"])
    expected = error["msg"].replace("Input should be", "must be").replace("Input should", "must")
    if error["type"] in ("model_type", "model_attributes_type"):
        expected = "must be a mapping of settings"
    if error["type"] == "tuple_type":
        expected = "must be a list"
    if error["type"] in ("too_long", "too_short"):
        bound = "at most {max_length}" if error["type"] == "too_long" else "at least {min_length}"
        return f"must have {bound.format(**error['ctx'])} items, but got {error['ctx']['actual_length']}"
    return f"{expected[0].lower()}{expected[1:]}, but got {brief(error['input'])}"


def _known(kind: type[Settings], parents: list[Any]) -> list[str]:
    """Names of the settings in the group that `parents` leads to."""
    schema = kind.model_json_schema()
    here = schema
    for part in parents:
        here = here["items"] if isinstance(part, int) else here["properties"][part]
        here = next((option for option in here.get("anyOf", ()) if "$ref" in option), here)
        if "$ref" in here:
            here = schema["$defs"][here["$ref"].rsplit("/", 1)[1]]
    return list(here["properties"])
