"""Whether an experiment can be gone on with: it must be the one that it was when it began."""

from collections.abc import Iterator
from typing import Any

from tuner.config import Config
from tuner.document import brief
from tuner.errors import ConfigError, InputError
from tuner.results.difference import differences
from tuner.results.strategy import GRID
from tuner.settings import build, plain

STRATEGY = vars(GRID)
"""That of a manifest that does not tell."""
OPTIONS_MUST_STAY = (*STRATEGY, "max_concurrent", "finalists", "rounds", "rule", "ensemble", "seeds")
"""Ray restores the first ones as they were; the others decide who runs in the finals, and what is made of them."""
SPELT = {"finalists": "finals"}
TOLD = 4


def check_unchanged(now: dict[str, Any], then: dict[str, Any]) -> None:
    """Nothing happens if an experiment can be resumed with this manifest.

    Args:
        now: Of the command that resumes it.
        then: Of the experiment; it may be of another version with the same checkpoints, and lack some keys.

    Raises:
        InputError: it names what differs, or that its checkpoints cannot be read.
    """
    old, new = then.get("checkpoint_format"), now["checkpoint_format"]
    if old != new:
        which = "another format" if old is None else f"the format {brief(old)}"
        raise InputError(
            f"this experiment's checkpoints have {which}, and this version reads {new}: resume it with the version "
            "that began it, or choose another --name"
        )
    changed = [*_files(now, then), *_data(now, then), *_options(now, then)]
    if changed:
        more = [f"and {len(changed) - TOLD} more"] if len(changed) > TOLD else []
        what = "; ".join(changed[:TOLD] + more)
        raise InputError(f"this experiment began with {what}: resume it with the same, or choose another --name")


def other_versions(now: dict[str, Any], then: dict[str, Any]) -> list[str]:
    """A line on what is of another version than when the experiment began; none if nothing is."""
    before, versions = then.get("versions", {}), now.get("versions", {})
    changed = [name for name in versions if name in before and before[name] != versions[name]]
    if not changed:
        return []
    old, new = (" and ".join(f"{name} {found[name]}" for name in changed) for found in (before, versions))
    return [f"began with {old}, goes on with {new}: results may differ in the last digits"]


def _files(now: dict[str, Any], then: dict[str, Any]) -> Iterator[str]:
    options = now.get("options", {})
    base, mutations = options.get("config", "the base config"), options.get("mutations", "the mutations file")
    for difference in differences(_as_read_now(then.get("base")), now["base"]):
        yield difference.said(base)
    for difference in differences(then.get("mutations"), now["mutations"]):
        yield difference.said(mutations)


def _data(now: dict[str, Any], then: dict[str, Any]) -> Iterator[str]:
    old, new = then.get("fingerprint"), now["fingerprint"]
    before, place = then.get("data"), now["data"]
    if old != new:
        moved = f" in {before}" if before not in (None, place) else ""
        yield f"data of fingerprint {brief(old)}{moved}, not {brief(new)}, in {place}"


def _options(now: dict[str, Any], then: dict[str, Any]) -> Iterator[str]:
    before, options = ({**STRATEGY, **plan.get("options", {})} for plan in (then, now))
    pairs = [(name, before.get(name), options[name]) for name in OPTIONS_MUST_STAY]
    pairs += [(name, then.get(name), now[name]) for name in ("depth", "seed")]
    for name, old, new in pairs:
        option = f"--{SPELT.get(name, name).replace('_', '-')}"
        if old == new:
            continue
        if old is None:
            yield f"no {option}, which is {new} now"
        elif new is None:
            yield f"{option} {old}, which is not given now"
        else:
            yield f"{option} {old}, not {new}"


def _as_read_now(base: Any) -> Any:
    """An earlier version's config with the defaults of today's keys, which give what that version did."""
    try:
        return plain(build(Config, base))
    except ConfigError:
        return base
