"""What every loader makes of broken and hostile input.

    python -m benchmarks.fuzz [--inputs 10000] [--only NAME ...] [--first 0] [--json FILE]

Each input is made of a number, so that one that breaks the law can be made again: `--first N --inputs 1`.
"""

import argparse
import tempfile
import time
from collections import Counter
from pathlib import Path
from random import Random

from benchmarks.account import circumstances, save, table
from benchmarks.hostile.law import ACCEPTED, REFUSED, STRAY, bounded_memory, judged
from benchmarks.hostile.loaders import LOADERS, Loader

HEADER = ("loader", "inputs", "refused", "accepted", "tracebacks", "stray files", "seconds")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--inputs", type=int, default=10_000, help="of each loader")
    parser.add_argument("--first", type=int, default=0, help="number of the first input")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="loaders; all of them, if not given")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    told, numbers = circumstances("fuzz"), range(options.first, options.first + options.inputs)
    print(*(f"{name}: {value}" for name, value in told.items()), sep="\n", end="\n\n")
    rows, broken = [], dict[str, dict[str, int]]()
    for loader in LOADERS:
        if options.only is None or loader.name in options.only:
            row, broken[loader.name] = measured(loader, numbers)
            rows.append(row)
    print(f"\n{table(HEADER, rows)}")
    save(options.json, {**told, "rows": rows, "broken": broken})


def measured(loader: Loader, numbers: range) -> tuple[tuple[str, ...], dict[str, int]]:
    """The loader's row, and each way in which it broke the law with the first input that showed it."""
    found, broken, start = Counter[str](), dict[str, int](), time.perf_counter()
    with tempfile.TemporaryDirectory() as name, bounded_memory():
        for number in numbers:
            outcome = judged(loader, Random(number), Path(name).resolve())
            kind = outcome if outcome in (REFUSED, ACCEPTED) else STRAY if outcome.startswith(STRAY) else "broken"
            found[kind] += 1
            if kind not in (REFUSED, ACCEPTED) and outcome not in broken:
                broken[outcome] = number
                print(f"{loader.name} {number}: {outcome}", flush=True)
    seconds = time.perf_counter() - start
    counts = (len(numbers), *(found[kind] for kind in (REFUSED, ACCEPTED, "broken", STRAY)))
    return (loader.name, *map(str, counts), f"{seconds:.0f}"), broken


if __name__ == "__main__":
    main()
