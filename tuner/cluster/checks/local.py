"""What must be right on this machine."""

import os
import re
import shutil
import stat
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from tuner.cluster.auth_token import CURE, token_file
from tuner.cluster.file import ClusterFile
from tuner.cluster.finding import Finding, note, ok, problem
from tuner.document import read_file
from tuner.errors import InputError, short


def programs(_: ClusterFile) -> Iterator[Finding]:
    """Ray reaches the nodes by two programs, which are here."""
    missing = [name for name in ("ssh", "rsync") if shutil.which(name) is None]
    if missing:
        yield problem(f"Ray needs {' and '.join(missing)} here to reach the nodes; install OpenSSH's client and rsync")
    else:
        yield ok("ssh and rsync")


def file_mounts(cluster: ClusterFile) -> Iterator[Finding]:
    """What Ray copies to the nodes is here."""
    missing = [mount for mount in cluster.file_mounts if not _is_there(mount.local)]
    for mount in missing:
        beside = cluster.path.parent / mount.local
        cure = f"run it in {cluster.path.parent}" if _is_there(beside) else "make it, or take the line out"
        yield problem(f"{cluster.at('file_mounts', mount.remote)} is to be copied from {mount.local}, not here; {cure}")
    if not missing:
        yield ok(f"files to copy: {len(cluster.file_mounts)}, all here")


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # a name that no file can have
        return False


def token(cluster: ClusterFile) -> Iterator[Finding]:
    """Whoever may talk to the cluster knows a token, which nobody else can read, and the nodes get the same."""
    path = token_file()
    mounted = next((mount for mount in cluster.file_mounts if mount.remote.endswith(".ray/auth_token")), None)
    try:
        held = path.stat()
        written, given = path.read_text(errors="replace").strip(), os.environ.get("RAY_AUTH_TOKEN", "").strip()
        if not written:
            yield problem(f"Ray's token file {path} is empty; {CURE}")
        elif sys.platform != "win32" and held.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            yield problem(f"Ray's token file {path} is open to others than its owner; chmod 600 {path}")
        elif given not in ("", written):
            yield problem(f"RAY_AUTH_TOKEN holds another token than {path}, which the nodes get; unset it")
        elif mounted is None:
            yield problem(f"{cluster.at('file_mounts')} gives the nodes no token; add ~/.ray/auth_token: {path}")
        elif _is_there(mounted.local) and not mounted.local.samefile(path):
            yield problem(f"the nodes get the token in {mounted.local}, but here Ray takes that in {path}; use one")
        else:
            yield ok(f"token: {path}")
    except OSError as error:
        yield problem(f"Ray's token file {path} cannot be read ({error.strerror}); {CURE}")


def versions(cluster: ClusterFile) -> Iterator[Finding]:
    """The cluster's Ray is the one here; what reads and writes results is much the same."""
    if cluster.requirements is None:
        yield note(f"{cluster.at('metadata', 'requirements')} is not given, so that versions cannot be compared")
        return
    try:
        pins = read_pins(cluster.requirements)
    except InputError as error:
        yield problem(str(error))
        return
    here = metadata.version("ray")
    if pins.get("ray") != here:
        installs = f"installs ray {pins['ray']}" if "ray" in pins else "pins no ray"
        cure = f"pip install 'ray[default,tune]=={pins.get('ray', here)}', or change {cluster.requirements}"
        yield problem(f"the cluster {installs}, but here is {here}, and Ray takes no other of its own; {cure}")
    else:
        yield ok(f"ray {here}, here and on the cluster")
    yield from _other_versions(pins)


def _other_versions(pins: dict[str, str]) -> Iterator[Finding]:
    ours = {
        canonicalize_name(Requirement(line).name) for line in metadata.requires("tuner") or () if "extra" not in line
    }
    apart: list[str] = []
    for name in sorted(ours & pins.keys() - {"ray"}):
        here = _version(name)
        if here and _series(here) != _series(pins[name]):
            apart.append(f"{name} {pins[name]} there and {here} here")
    if apart:
        yield note(f"other packages differ, which only matters for what is loaded on both sides: {', '.join(apart)}")


def _series(version: str) -> list[str]:
    return version.split(".")[:2]


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def read_pins(path: Path) -> dict[str, str]:
    """The version of every package that a requirements file pins by `==`.

    Raises:
        InputError: it cannot be read, or a line of it is no requirement.
    """
    pins: dict[str, str] = {}
    for number, line in enumerate(read_file(path, 1_000_000).decode(errors="replace").splitlines(), 1):
        text = re.sub(r"(^|\s)#.*|\s--hash.*|\\$", "", line).strip()
        if not text or text.startswith("-"):
            continue
        try:
            wanted = Requirement(text)
        except InvalidRequirement:
            raise InputError(f"{path}:{number}: {short(text, 60)!r} is not a requirement such as ray==2.60.0") from None
        pins.update({canonicalize_name(wanted.name): one.version for one in wanted.specifier if one.operator == "=="})
    return pins
