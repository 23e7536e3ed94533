"""Where 1,000 trials on 400 slots have their first bottleneck, and which settings keep orchestration under 5 %.

    python -m benchmarks.scale [--trials 1000] [--slots 400] [--quick] [--json FILE]

Trials that train nothing run as `tuner.run` runs them, on as many actors as a machine takes. What a result, a
checkpoint, a copy of the driver's files and the start of a trial cost is measured, with requests counted at moto's S3
server. From that `scale_model.py` says what 400 slots would make of it: they are simulated.
"""

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from benchmarks.account import circumstances, save, table
from benchmarks.scale_meter import RAY, RAY_SNAPSHOT
from benchmarks.scale_model import Costs, Search, capacity, largest_checkpoint, parts, share, shortest_interval_s
from benchmarks.scale_run import Setting
from benchmarks.scale_storage import counted

KEYS = {"AWS_ACCESS_KEY_ID": "none", "AWS_SECRET_ACCESS_KEY": "none", "AWS_DEFAULT_REGION": "us-east-1"}
SIZES_MB = (1, 10, 100, 300)
INTERVALS_S = (2.0, 5.0, 10.0, 30.0, 60.0)
PLACES_A_S, NEW_PROCESS_S, REUSED_PROCESS_S = 18.9, 5.0, 0.07
"""Placement groups by Ray's own release test `many_pgs`; a process that imports PyTorch; and one that has, by
`orchestration.py`."""
REQUEST_S, BYTES_A_S, EVALUATIONS, CHECKPOINT_BYTES = 0.03, 100e6, 30, 10e6
Found = dict[str, Any]


def measured(setting: Setting, environment: dict[str, str] | None = None) -> Found:
    """What a run of this setting showed, in a process of its own."""
    command = (sys.executable, "-m", "benchmarks.scale_run", json.dumps(asdict(setting)))
    own = {**os.environ, "OMP_NUM_THREADS": "1", **(environment or {})}
    out = subprocess.run(command, env=own, stdout=subprocess.PIPE, text=True, check=True).stdout
    found: Found = json.loads(out.splitlines()[-1])
    return found


@contextlib.contextmanager
def storage(folder: Path) -> Iterator[tuple[dict[str, str], Path]]:
    """A server is S3: the environment with which it is found, and the file of its requests."""
    file = folder / "requests"
    file.touch()
    command = (sys.executable, "-m", "benchmarks.scale_storage", str(file))
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        assert server.stdout is not None
        address = f"http://127.0.0.1:{server.stdout.readline().strip()}"
        import boto3  # not needed for what stays on this machine

        keys = {"aws_access_key_id": "none", "aws_secret_access_key": "none", "region_name": "us-east-1"}
        boto3.client("s3", endpoint_url=address, **keys).create_bucket(Bucket="bucket")
        yield {**KEYS, "AWS_ENDPOINT_URL": address, "AWS_EC2_METADATA_DISABLED": "true"}, file
        server.terminate()


def cpu_ms(found: Found) -> dict[str, float]:
    """CPU milliseconds of the driver for each result, by what for, the most first."""
    spent = {name: 1000 * one["cpu_s"] / max(1, found["results"]) for name, one in found["watched"].items()}
    return dict(sorted(spent.items(), key=lambda item: -item[1]))


def cpu_table(runs: dict[str, Found]) -> str:
    """CPU milliseconds for each result: a row for each thing, and a column for each run."""
    names = list(cpu_ms(next(iter(runs.values()))))
    rows = [[name, *(f"{cpu_ms(found).get(name, 0):.2f}" for found in runs.values())] for name in names]
    total = ["all", *(f"{sum(cpu_ms(found).values()):.2f}" for found in runs.values())]
    return table(("CPU ms a result", *runs), [*rows, total])


def snapshot_table(runs: dict[str, Found]) -> str:
    """Of each run: bytes of the snapshots, and seconds of its beginning and end."""
    header = ("trials", "Ray's state, MB", "snapshot.zip, MB", "until the first result, s", "start of a trial, ms CPU")
    rows = []
    for name, found in runs.items():
        starting = sum(one["cpu_s"] for one in found["starting"].values()) / max(1, found["short"])
        sizes = (f"{size / 1e6:.1f}" for size in found["state_bytes"])
        rows.append((name, *sizes, f"{found['before_s']:.1f}", f"{1000 * starting:.0f}"))
    return table(header, rows)


def request_table(file: Path, trials: int) -> str:
    """Requests of a run by what they are of: their number, and for each trial."""
    of: dict[str, dict[str, int]] = {}
    with file.open() as lines:
        for (operation, kind), (number, _) in counted(lines).items():
            of.setdefault(kind, {})[operation.partition(" ")[0]] = number
    rows = []
    for kind, numbers in sorted(of.items(), key=lambda item: -sum(item[1].values())):
        each = ", ".join(f"{number} {operation}" for operation, number in sorted(numbers.items()))
        rows.append((kind, str(sum(numbers.values())), f"{sum(numbers.values()) / trials:.1f}", each))
    return table(("of", "requests", "a trial", "operations"), rows[:10])


def costs_of(small: Found, large: Found, trials: tuple[int, int]) -> Costs:
    """What a result costs, and a snapshot for each trial in the list, by two lists of trials.

    The requests are those that the runs with the server of S3 have counted.
    """
    (all_s, results, taken), (other_s, others, retaken) = totals(small), totals(large)
    by_trial, rebuilt = taken * trials[0], retaken * trials[1]
    snapshot_s = max(0.0, (other_s * results - all_s * others) / (rebuilt * results - by_trial * others))
    return replace(BEFORE, result_s=(all_s - by_trial * snapshot_s) / results, snapshot_s_a_trial=snapshot_s)


def totals(found: Found) -> tuple[float, int, int]:
    """CPU seconds of a run's driver, results, and snapshots."""
    spent = found["watched"]
    return (
        sum(one["cpu_s"] for one in spent.values()),
        found["results"],
        spent[RAY_SNAPSHOT]["calls"] - spent[RAY]["calls"],  # it is asked at each step whether it takes one
    )


BEFORE = Costs(
    result_s=0.0087,
    snapshot_s_a_trial=0.00078,
    result_requests=7,
    checkpoint_requests=19,
    sync_requests=20,
    sync_requests_a_slot=0,
    sync_at_a_time=1.4,
    start_s=0.0,
    start_requests=15,
)
"""Of the code before what this benchmark found: each copy is of all files, the driver waits while it deletes an old
checkpoint and for a dozen answers before each trial, and each file takes three requests."""
MENDS: dict[str, dict[str, float]] = {
    "+ only files that have changed are copied": {"sync_requests": 0, "sync_requests_a_slot": 9, "sync_at_a_time": 3.6},
    "+ checkpoints are deleted beside": {"result_requests": 0},
    "+ new trials are not looked for": {"start_requests": 0},
    "+ one request a file": {"checkpoint_requests": 11, "sync_requests_a_slot": 3},
}


def start_s(trials: int, slots: int) -> float:
    """Seconds of a slot for each trial's start: the first is a new process, which waits for its place."""
    new = min(1.0, slots / trials)
    return new * (slots / PLACES_A_S / 2 + NEW_PROCESS_S) + (1 - new) * REUSED_PROCESS_S


def ladder(now: Costs, started_s: float) -> dict[str, Costs]:
    """The costs before, after one mend after the other, and as measured now."""
    costs = {"before": replace(BEFORE, start_s=started_s)}
    for name, mend in MENDS.items():
        costs[name] = replace(list(costs.values())[-1], **mend)
    measured_s = {"result_s": now.result_s, "snapshot_s_a_trial": now.snapshot_s_a_trial}
    return {**costs, "now: + no statistics": replace(list(costs.values())[-1], **measured_s)}


def model_table(costs: dict[str, Costs], search: Search) -> str:
    """What would become of a search: a row for each kind of costs."""
    ends = "shortest interval, s", "largest checkpoint at 30 s, MB"
    header = ("", "results/s", *(f"every {interval:g} s" for interval in INTERVALS_S), *ends)
    rows = []
    for name, one in costs.items():
        shares = (f"{100 * share(one, search, interval):.1f} %" for interval in INTERVALS_S)
        limits = f"{shortest_interval_s(one, search):.1f}", f"{largest_checkpoint(one, search, 30) / 1e6:.0f}"
        rows.append((name, f"{capacity(one, search):.0f}", *shares, *limits))
    return table(header, rows)


def size_table(costs: dict[str, Costs], search: Search) -> str:
    """The shortest interval that keeps the law, by the bytes of a checkpoint."""
    rows = []
    for name, one in costs.items():
        searches = (replace(search, checkpoint_bytes=megabytes * 1e6) for megabytes in SIZES_MB)
        rows.append((name, *(f"{shortest_interval_s(one, other):.0f}" for other in searches)))
    return table(("shortest interval, s, with", *(f"{megabytes} MB" for megabytes in SIZES_MB)), rows)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=1000, help="in the list")
    parser.add_argument("--slots", type=int, default=400, help="trials at a time, simulated")
    parser.add_argument("--actors", type=int, default=16, help="that really run, one after the other on a few cores")
    parser.add_argument("--seconds", type=float, default=20.0, help="of each run")
    parser.add_argument("--quick", action="store_true", help="two small runs, to see that it works")
    parser.add_argument("--json", type=Path, help="where the figures are written")
    return parser.parse_args()


def main() -> None:
    options = parse()
    told = circumstances("scale")
    print(*(f"{name}: {value}" for name, value in told.items()), sep="\n", end="\n\n")
    lists = (40, 80) if options.quick else (100, 300, options.trials)
    actors, seconds = (4, 4.0) if options.quick else (options.actors, options.seconds)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        base = Setting(str(folder / "local"), 100, actors, seconds)
        runs = {f"{trials} trials": measured(replace(base, trials=trials)) for trials in lists}
        print(cpu_table(runs), snapshot_table(runs), sep="\n\n", end="\n\n", flush=True)
        if not options.quick:
            others = {f"{number} actors": measured(replace(base, slots=number)) for number in (8, 32)}
            others["20 actors on 10 nodes"] = measured(replace(base, slots=20, nodes=10))
            print(cpu_table(others), end="\n\n", flush=True)
        trials = 16 if options.quick else 60
        with storage(folder) as (environment, file):
            measured(Setting("s3://bucket/results", trials, 4, seconds), environment)
            print(request_table(file, trials), end="\n\n", flush=True)
    *_, largest = runs.values()
    now = costs_of(next(iter(runs.values())), largest, (lists[0], lists[-1]))
    costs = ladder(now, start_s(options.trials, options.slots))
    search = Search(options.trials, options.slots, EVALUATIONS, CHECKPOINT_BYTES, REQUEST_S, BYTES_A_S)
    beside = {name: parts(one, search, 10) for name, one in costs.items()}
    rows = [(name, *(f"{1000 * seconds:.0f}" for seconds in each.values())) for name, each in beside.items()]
    seconds = table(("ms beside 10 s of training", *next(iter(beside.values()))), rows)
    print(model_table(costs, search), seconds, size_table(costs, search), sep="\n\n")
    save(options.json, {**told, "runs": runs, "costs": {name: asdict(one) for name, one in costs.items()}})


if __name__ == "__main__":
    main()
