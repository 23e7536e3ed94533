"""What users see when something is wrong. Nothing is imported here."""

Path = tuple[str | int, ...]


class TunerError(Exception):
    """The work failed; the message says what, and where its log is. Exit code 1."""

    exit_code = 1


class InputError(TunerError):
    """The user's input is wrong; the message is one sentence that says where, what, and the cure. Exit code 2."""

    exit_code = 2


class ConfigError(InputError):
    """A config breaks a law of the schema, wherever the config came from.

    Attributes:
        path: Keys and list indices from the top of the config to the setting that is wrong.
        problem: What was found and what is allowed, a clause that follows the setting's name.
    """

    def __init__(self, path: Path, problem: str) -> None:
        self.path = path
        self.problem = problem
        super().__init__(f"{dotted(path)} {problem}")

    def __reduce__(self) -> tuple[type["ConfigError"], tuple[Path, str]]:
        return ConfigError, (self.path, self.problem)


class Interrupted(TunerError):
    """The user stopped the work; the message holds the command that goes on with it. Exit code 130."""

    exit_code = 130


def dotted(path: Path) -> str:
    """A path as users write it: `model.conv_layers[1].kernel_size`."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".") or "the file"
