"""What all commands share: options, exit codes, and one clear sentence when something is wrong."""

import argparse
import errno
import logging
import os
import re
import shlex
import sys
import threading
from collections.abc import Callable
from logging.handlers import MemoryHandler
from pathlib import Path
from typing import Literal, NoReturn

from rich.console import Console, RenderableType

from tuner import interrupts
from tuner.errors import TunerError, short

WIDTH_OF_FILES = 200
HELD_LINES = 100_000


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one sentence."""

    def error(self, message: str) -> NoReturn:
        """Ends the process with exit code 2."""
        self.exit(2, f"{one_line(f'{self.prog}: {short(message, 400)} (see {self.prog} --help)')}\n")


def make_parser(command: str, description: str, example: str) -> Parser:
    """A parser for one command, whose help ends with an example."""
    return Parser(
        prog=f"tuner {command}",
        description=description,
        epilog=f"example: {example}",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        allow_abbrev=False,
    )


def add_experiment(parser: argparse.ArgumentParser, storage: str | None = "ray_results") -> None:
    """The options that name an experiment.

    Args:
        parser: Of the command.
        storage: Where experiments are kept, if it is not told.
    """
    add_names(parser)
    parser.add_argument(
        "--storage",
        default=storage,
        help="where experiments are kept: a folder, or a URI such as s3://bucket/path",
    )


def add_names(parser: argparse.ArgumentParser) -> None:
    """The options that name an experiment, wherever it is kept."""
    parser.add_argument("-g", "--group", required=True, help="experiment group")
    parser.add_argument("-n", "--name", required=True, help="experiment name")


def typed(command: str, arguments: list[str]) -> str:
    """The command as the user has typed it, on another machine, if it was sent from there."""
    return os.environ.get(interrupts.AS_TYPED) or shlex.join(["python", "-m", f"tuner.{command}", *arguments])


def execute(command: str, main: Callable[[list[str]], None], arguments: list[str]) -> int:
    """Runs a command; its exit code. What users can mend is said without a traceback."""
    again = one_line(f"interrupted: go on with: {typed(command, arguments)}")
    interrupts.watch(again)
    code = _outcome(main, arguments, again)
    interrupts.over(code)
    return code


def _outcome(main: Callable[[list[str]], None], arguments: list[str], again: str) -> int:
    try:
        main(arguments)
    except TunerError as error:
        interrupts.told()
        outcome = {1: "failed", 2: "error"}.get(error.exit_code, "interrupted")
        print(one_line(f"{outcome}: {error}"), file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        interrupts.told()
        print(again, file=sys.stderr)
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        typed = error.errno == errno.ENAMETOOLONG  # wherever it comes from, it is a name that was given
        print(one_line(f"{'error' if typed else 'failed'}: {short(str(error), 1000)}"), file=sys.stderr)
        return 2 if typed else 1
    return 0


def one_line(text: str) -> str:
    """The text with its line breaks and control characters spelt out: a file's name or a value may hold some."""
    return "".join(character if character.isprintable() else repr(character)[1:-1] for character in text)


def positive_int(text: str) -> int:
    """A whole number of at least 1, as argparse wants it."""
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:9]) == int(text[:20]):
        raise argparse.ArgumentTypeError(f"must be a whole number of at least 1, but got {text!r}")
    return int(text)


def seed_number(text: str) -> int:
    """A whole number from 0 to 2**63 - 1."""
    if not text.isascii() or not text.isdigit() or len(text) > 19 or int(text) >= 2**63:
        raise argparse.ArgumentTypeError(f"must be a whole number from 0 to 2^63 - 1, but got {text!r}")
    return int(text)


def amount(text: str) -> float:
    """A number from 0 to a million."""
    try:
        value = float(text)
    except ValueError:
        value = -1
    if not 0 <= value <= 1e6:
        raise argparse.ArgumentTypeError(f"must be a number of at least 0, but got {text!r}")
    return value


def duration(text: str) -> float:
    """Seconds, from text such as 90, 90s, 30m or 1.5h."""
    found = re.fullmatch(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)([smh]?)", text)
    if found is None or float(found[1]) == 0:
        raise argparse.ArgumentTypeError(f"must be a time such as 90s, 30m or 1.5h, but got {text!r}")
    return float(found[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[found[2]]


def size(text: str) -> int:
    """Bytes, from text such as 500M or 1.5G, of powers of 1000."""
    found = re.fullmatch(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)([kKMGT]?)B?", text)
    if found is None or float(found[1]) == 0:
        raise argparse.ArgumentTypeError(f"must be a size such as 500M or 1.5G, but got {text!r}")
    return round(float(found[1]) * 10.0 ** (3 * " KMGT".index(found[2].upper() or " ")))


def dollars(text: str) -> float:
    """US dollars, from text such as 5, 2.50 or $5."""
    found = re.fullmatch(r"\$?([0-9]{1,7}(?:\.[0-9]{1,4})?)", text)
    if found is None or float(found[1]) == 0:
        raise argparse.ArgumentTypeError(f"must be US dollars such as 5 or 2.50, but got {text!r}")
    return float(found[1])


def finalists_number(text: str) -> int | Literal["auto"]:
    """`auto`, 0, or a whole number of at least 2: the control alone is no contest."""
    if text == "auto":
        return "auto"
    number = int(text) if re.fullmatch("[0-9]{1,9}", text) else 1
    if number == 1:
        raise argparse.ArgumentTypeError(f"must be auto, 0 for none, or a whole number of at least 2, but got {text!r}")
    return number


def say(*lines: RenderableType) -> None:
    """Lines and tables on the terminal; where it is none, tables are as wide as they need to be."""
    console = Console(highlight=False, markup=False, width=None if sys.stdout.isatty() else WIDTH_OF_FILES)
    for line in lines:
        console.print(line, soft_wrap=isinstance(line, str))


def hold_log() -> None:
    """Python's log is kept until `log_to` says where, and no longer shown on the terminal.

    So are warnings, and how a thread ended that failed, as TensorBoard's do on a full disk.
    """
    root = logging.getLogger()
    root.handlers = [MemoryHandler(HELD_LINES, flushLevel=logging.CRITICAL + 1)]
    root.setLevel(logging.INFO)
    logging.captureWarnings(True)
    threading.excepthook = _logged
    logging.raiseExceptions = False  # on a full disk it would show a traceback on the terminal for every line


def _logged(failed: threading.ExceptHookArgs) -> None:
    if failed.exc_value is not None:
        error = (failed.exc_type, failed.exc_value, failed.exc_traceback)
        logging.getLogger(__name__).error("the thread %s failed", failed.thread, exc_info=error)


def log_to(path: Path) -> None:
    """Python's log goes to a file, what was held first."""
    file = logging.FileHandler(path)
    file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    for handler in root.handlers:
        if isinstance(handler, MemoryHandler):
            handler.setTarget(file)
            handler.flush()
    root.handlers = [file]
