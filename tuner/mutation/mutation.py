"""One mutation: a named function with one set of arguments, and how it is applied to a config."""

import hashlib
import importlib
import inspect
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tuner.config import Config
from tuner.document import nearest
from tuner.errors import ConfigError, InputError, clause, short
from tuner.mutation.functions import FUNCTIONS
from tuner.settings import build

Scalar = str | int | float | bool | None
Value = Scalar | tuple[Scalar, ...]

MAX_NAME = 160
"""Characters; a folder's name has at most 255 on the usual file systems, and Ray puts a suffix behind it."""


@dataclass(frozen=True)
class Mutation:
    """One named function with one set of arguments.

    Attributes:
        function: A key of `FUNCTIONS`, or the import path of the user's own function.
        arguments: Names and values, sorted by name.
        where: `file:line` of the grid it comes from.
    """

    function: str
    arguments: tuple[tuple[str, Value], ...]
    where: str = ""

    @property
    def name(self) -> str:
        """The mutation as folders and tables write it: `add_conv_layer-kernel_size=3-num_filters=128`."""
        return "-".join([self.function, *(f"{name}={_text(value)}" for name, value in self.arguments)])

    def apply(self, config: Config) -> Config:
        """The mutated config.

        Raises:
            ConfigError: the mutation cannot be applied to this config.
        """
        arguments = dict(self.arguments)
        function = find_function(self.function, self.where)
        _check_signature(function, self)
        if self.function in FUNCTIONS:
            return function(config, **arguments)
        return _apply_own(function, config, self)


def find_function(name: str, where: str) -> Callable[..., Config]:
    """The mutation function of this name, or the user's own one at this import path (`package.module.function`).

    Raises:
        InputError: there is none.
    """
    if name in FUNCTIONS:
        return FUNCTIONS[name]
    module_name, _, attribute = name.rpartition(".")
    if not re.fullmatch(r"[^\W\d]\w*(\.[^\W\d]\w*)+", name):
        known = nearest(name, list(FUNCTIONS))
        raise InputError(
            f"{where}: {short(name, 80)} is not a mutation function; {known}, or the import path of your own"
        )
    if (
        module_name.partition(".")[0] in sys.stdlib_module_names
    ):  # code.interact would wait, antigravity opens a browser
        raise InputError(f"{where}: {short(name, 80)} is a part of Python itself, and no mutation function")
    if str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    try:
        function = getattr(importlib.import_module(module_name), attribute)
    except (Exception, SystemExit) as error:  # noqa: BLE001  # importing runs the user's module, which may do anything
        problem = f"{type(error).__name__}: {clause(error)}"
        raise InputError(f"{where}: the mutation function {short(name, 80)} cannot be imported: {problem}") from None
    if not inspect.isfunction(function):
        raise InputError(
            f"{where}: {short(name, 80)} is a {type(function).__name__}; a mutation function is a plain Python function"
        )
    return function


def sequence_name(mutations: tuple[Mutation, ...]) -> str:
    """A name for a sequence of mutations that is safe as a folder's; no mutation is `base`."""
    raw = "__".join(mutation.name for mutation in mutations) or "base"
    safe = re.sub(r"[^A-Za-z0-9_.,=+-]", "_", raw)
    if safe == raw and len(raw) <= MAX_NAME:
        return raw
    return f"{safe[: MAX_NAME - 17]}-{hashlib.blake2b(raw.encode(), digest_size=8).hexdigest()}"


def _text(value: Value) -> str:
    if isinstance(value, tuple):
        return ",".join(_text(item) for item in value)
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return str(value)


def _check_signature(function: Callable[..., Config], mutation: Mutation) -> None:
    parameters = inspect.signature(function)
    try:
        parameters.bind(None, **dict(mutation.arguments))
    except TypeError as error:
        known = list(parameters.parameters)[1:]
        unknown = [name for name, _ in mutation.arguments if name not in known]
        takes_any = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.parameters.values())
        problem = (
            f"{short(unknown[0], 80)} is not an argument; {nearest(unknown[0], known)}"
            if unknown and not takes_any
            else clause(error)
        )
        raise InputError(f"{mutation.where}: {short(mutation.function, 80)}: {problem}") from None


def _apply_own(function: Callable[..., Config], config: Config, mutation: Mutation) -> Config:
    try:
        mutated = function(config, **dict(mutation.arguments))
    except ConfigError:
        raise
    except (Exception, SystemExit) as error:  # the user's own code may do anything
        raise InputError(
            f"{mutation.where}: {sequence_name((mutation,))} raised {type(error).__name__}: {clause(error)}"
        ) from error
    if not isinstance(mutated, Config):
        raise InputError(
            f"{mutation.where}: {mutation.function} must return a Config, but got {type(mutated).__name__}"
        )
    return build(Config, mutated.model_dump(exclude_none=True, warnings=False))  # model_copy(update=...) checks nothing
