"""What a cluster file may hold: Ray's own schema, and what this package reads of the parts that Ray leaves open."""

import json
from collections.abc import Mapping
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import ray.autoscaler
from jsonschema.exceptions import ValidationError, best_match

from tuner.document import brief, nearest
from tuner.errors import ConfigError

Schema = Mapping[str, Any]

MOST = 10_000
"""Workers, or GB of a disk: beyond it lies a slip of the keyboard."""

_TEXT = {"type": "string", "minLength": 1}
_TEXTS = {"type": "array", "items": _TEXT}
_COUNT = {"type": "integer", "minimum": 0, "maximum": MOST}


def _group(required: tuple[str, ...] = (), **properties: Any) -> dict[str, Any]:
    return {"type": "object", "required": list(required), "properties": properties}


_PRICE = {"type": "number", "minimum": 0, "maximum": MOST}
_PRICES = {
    "type": "object",
    "additionalProperties": {
        "type": "object",
        "properties": {"on-demand": _PRICE, "spot": _PRICE},
        "additionalProperties": False,
    },
}
_DISK = _group(("DeviceName",), DeviceName=_TEXT, Ebs=_group(VolumeSize={**_COUNT, "minimum": 1}))
_NODE = _group(
    ("InstanceType",),
    InstanceType=_TEXT,
    ImageId=_TEXT,
    IamInstanceProfile=_group(Name=_TEXT, Arn=_TEXT),
    BlockDeviceMappings={"type": "array", "items": _DISK},
    InstanceMarketOptions=_group(MarketType={"enum": ["spot", "capacity-block"]}),
    SubnetIds=_TEXTS,
    SecurityGroupIds=_TEXTS,
)
_NODE_TYPE = _group(node_config=_NODE, min_workers=_COUNT, max_workers=_COUNT)

OURS: Schema = _group(
    ("metadata",),
    cluster_name={**_TEXT, "pattern": r"^[A-Za-z0-9_.-]{1,63}\Z"},
    max_workers=_COUNT,
    metadata=_group(("storage",), storage=_TEXT, requirements=_TEXT, prices=_PRICES),
    file_mounts={"type": "object", "additionalProperties": _TEXT},
    provider=_group(type=_TEXT),
)
"""For every provider."""

OF_PROVIDER: Mapping[str, Schema] = {
    "aws": _group(
        ("available_node_types", "head_node_type"),
        provider=_group(("region",), region=_TEXT, availability_zone=_TEXT),
        available_node_types={"type": "object", "additionalProperties": _NODE_TYPE},
    ),
    "local": _group(provider=_group(("head_ip", "worker_ips"), head_ip=_TEXT, worker_ips=_TEXTS)),
}
"""What else is read where the provider is this one."""


@cache
def rays_schema() -> Schema:
    """The schema that `ray up` checks a cluster file by."""
    found: Schema = json.loads((Path(ray.autoscaler.__file__).parent / "ray-schema.json").read_text())
    return found


def check(values: Any, schema: Schema) -> None:
    """Nothing happens if the values are what the schema allows.

    Raises:
        ConfigError: with the path of what is wrong, what was found and what is allowed.
    """
    error = best_match(jsonschema.Draft7Validator(schema).iter_errors(values))
    if error is not None:
        raise _said(error)


def _said(error: ValidationError) -> ConfigError:
    path, rule = tuple(error.absolute_path), error.validator_value
    if error.validator == "additionalProperties" and isinstance(error.instance, dict):
        known = list(error.schema.get("properties", ()))
        unknown = next(key for key in error.instance if key not in known)
        return ConfigError((*path, unknown), f"is not a setting; {nearest(unknown, known)}")
    if error.validator == "required":
        missing = next(key for key in rule if key not in error.instance)
        others = [key for key in error.instance if key not in error.schema.get("properties", ())]
        close = get_close_matches(missing, others, 1)
        return ConfigError((*path, missing), f"is missing{f'; is {close[0]} meant to be it?' if close else ''}")
    return ConfigError(path, f"must {_law(error)}, but got {brief(error.instance)}")


_KINDS = {
    "object": "a mapping",
    "array": "a list",
    "string": "a word",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "null": "null",
}


def _law(error: ValidationError) -> str:
    rule = error.validator_value
    match error.validator:
        case "type":
            return f"be {' or '.join(_KINDS.get(kind, kind) for kind in ([rule] if isinstance(rule, str) else rule))}"
        case "minimum" | "maximum":
            return f"be at {'least' if error.validator == 'minimum' else 'most'} {rule}"
        case "minLength":
            return "not be empty"
        case "enum":
            return f"be {' or '.join(map(str, rule))}"
        case "pattern":
            return "be 1 to 63 letters, digits, dots, dashes and underscores"
    return f"satisfy the rule {error.validator} of the schema"
