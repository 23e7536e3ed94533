"""What users see when something is wrong. Nothing is imported here."""

Path = tuple[str | int, ...]


class TunerError(Exception):
    """The work failed; the message says what, and where its log is. Exit code 1."""

    exit_code = 1


class InputError(TunerError):
    """The user's input is wrong; the message is one sentence that says where, what, and the cure. Exit code 2."""

    exit_code = 2


class UnreadableError(InputError):
    """A file is there and cannot be read: what it holds may be whole."""


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
    """A path as users write it: `model.conv_layers[1].kernel_size`; its end, if it is very long."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{short(part, 60)}" for part in path)
    text = text.removeprefix(".") or "the file"
    return text if len(text) <= 200 else f"...{text[-197:]}"


def short(text: str, most: int = 200) -> str:
    """The text in one line of at most so many characters, those spelt out that cannot be printed."""
    line = "".join(part if part.isprintable() else repr(part)[1:-1] for part in text[: most + 1])
    return line if len(line) <= most else f"{line[: most - 3]}..."


def clause(error: BaseException) -> str:
    """What an exception says, in one line of at most 200 characters; its class, if it says nothing."""
    lines = str(error).strip().splitlines()
    return short(lines[0]) if lines else type(error).__name__


def last_line(text: str) -> str:
    """The last line that is not empty: of a traceback, what went wrong."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else ""
