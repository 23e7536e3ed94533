"""`tuner COMMAND ...` and `python -m tuner COMMAND ...`."""

if __name__ == "__main__":  # the other imports take a while
    from tuner import interrupts

    interrupts.own_process()

import importlib
import sys

from tuner import __version__, interrupts
from tuner.command import execute

COMMANDS = {
    "run": "search the variants of a base config, then retrain and export the best",
    "train": "train one config, without a search",
    "retrain": "retrain an experiment's winner on all labelled images and export it",
    "export": "export a checkpoint",
    "report": "rebuild report.html and leaderboard.csv of an experiment",
    "predict": "predict responses with a bundle",
    "simulate": "write a simulated data set",
    "submit": "run an experiment on a cluster",
    "attach": "follow an experiment on a cluster",
    "stop": "end an experiment on a cluster",
    "fetch": "copy an experiment from the cluster's storage",
    "doctor": "say what stands in the way of a cluster",
}


def main() -> int:
    """Runs the command that the first argument names; its exit code."""
    if __name__ != "__main__":  # the console script
        interrupts.own_process()
    name, arguments = sys.argv[1] if len(sys.argv) > 1 else "--help", sys.argv[2:]
    if name in ("-h", "--help"):
        print("usage: tuner COMMAND ...\n")
        print("\n".join(f"  {command:<9} {text}" for command, text in COMMANDS.items()))
        print("\ntuner COMMAND --help tells more; python -m tuner.COMMAND does the same.")
        return 0
    if name == "--version":
        print(__version__)
        return 0
    if name not in COMMANDS:
        print(f"tuner: {name!r} is not a command (known: {', '.join(COMMANDS)})", file=sys.stderr)
        return 2
    return execute(name, lambda rest: importlib.import_module(f"tuner.{name}").main(rest), arguments)


if __name__ == "__main__":
    sys.exit(main())
