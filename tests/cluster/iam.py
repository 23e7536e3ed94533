"""What IAM permits, as far as cluster/aws.yaml makes use of it."""

from fnmatch import fnmatchcase
from typing import Any

Statements = list[dict[str, Any]]


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def allowed(statements: Statements, action: str, resource: str, context: dict[str, str] | None = None) -> bool:
    """Whether IAM permits it, by https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html."""
    hits = [one for one in statements if _applies(one, action, resource, context or {})]
    return any(one["Effect"] == "Allow" for one in hits) and all(one["Effect"] == "Allow" for one in hits)


def _applies(statement: dict[str, Any], action: str, resource: str, context: dict[str, str]) -> bool:
    assert statement.keys() <= {"Sid", "Effect", "Action", "Resource", "Condition"}
    return (
        any(fnmatchcase(action.lower(), known.lower()) for known in listed(statement["Action"]))
        and any(fnmatchcase(resource, known) for known in listed(statement["Resource"]))
        and all(
            _holds(operator, context.get(key), listed(values))
            for operator, rules in statement.get("Condition", {}).items()
            for key, values in rules.items()
        )
    )


def _holds(operator: str, value: str | None, wanted: list[str]) -> bool:
    assert operator in ("StringLike", "StringEquals")
    if value is None:
        return False
    return any(fnmatchcase(value, one) if operator == "StringLike" else value == one for one in wanted)
