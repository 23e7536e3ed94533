"""What a run survives: its driver and its trials are killed every few seconds, and it is gone on with each time.

`python -m benchmarks.chaos --kills 100` runs the same experiment twice, once undisturbed, and compares.
"""

import argparse
import random
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.killing import Killed, recording

CONFIG = """
data: {folds: 2, random_seed: 3}
model:
  image_size: 16
  conv_layers: [{num_filters: 16, kernel_size: 5}]
  dense_layers: [{num_units: 16, dropout_rate: 0.2}]
training:
  {eval_steps: EVAL_STEPS, max_steps: MAX_STEPS, early_stopping_evals: 1000, learning_rate: 0.0003, precision: fp32}
"""
MUTATIONS = """
change_training:
  - learning_rate: [0.0001, 0.001, 0.003]
add_dense_layer:
  - num_units: [8, 16]
change_conv_layer:
  - layer_id: [0]
    num_filters: [8, 24]
"""
RANGES = """
change_training:
  - learning_rate: {min: 1.0e-4, max: 1.0e-2, log: true}
add_dense_layer:
  - num_units: {min: 4, max: 16}
"""
OPTIONS = {
    "grid": ("--finals", "3", "--rounds", "1", "--seeds", "2"),
    "pbt": ("--search", "pbt", "--population", "4", "--samples", "5", "--rounds", "1", "--seeds", "2"),
}


MOST_OTHERS = 5


@dataclass
class Account:
    """What was done, and what became of it.

    Attributes:
        driver: Drivers killed.
        trial: Processes of trials killed.
        others: Drivers that ended without our killing them, before their work was done.
        repeated: Steps that a trial took again, each time that it went on.
        restart_s: From a start to the first new checkpoint.
    """

    driver: int = 0
    trial: int = 0
    others: int = 0
    repeated: list[int] = field(default_factory=list)
    restart_s: list[float] = field(default_factory=list)


def attack(run: Killed, kills: int, mean_s: float, rng: random.Random) -> Account:
    """The run has ended; until it had been killed so often, it was killed at random moments."""
    account = Account()
    run.start()
    while account.driver + account.trial < kills:
        before, begun = run.progress(), time.monotonic()
        if run.wait_for(lambda before=before: run.progress() != before):  # type: ignore[misc]
            account.restart_s.append(time.monotonic() - begun)
            time.sleep(rng.expovariate(1 / mean_s))
        if not run.alive:
            if run.end() == 0:
                break
            account.others += 1  # with Ray, which the machine may have killed
            run.start()
            continue
        known = len(run.gone_on_from())
        if rng.random() < 0.5:
            run.kill_driver()
            reached = run.progress()
            account.driver += 1
            run.start()
        else:
            reached = run.progress()
            account.trial += run.kill_trial()
        if run.wait_for(lambda known=known, reached=reached: _goes_on(run, known, reached)):  # type: ignore[misc]
            time.sleep(0.5)  # others do, too
        account.repeated += [reached.get(trial, 0) - step for trial, step in run.gone_on_from()[known:]]
    return account


def _goes_on(run: Killed, known: int, reached: dict[str, int]) -> bool:
    return len(run.gone_on_from()) > known or run.progress() != reached


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=3.0, help="between two kills, on average")
    parser.add_argument("--search", choices=OPTIONS, default="grid")
    parser.add_argument("--eval-steps", type=int, default=20)
    parser.add_argument("--evaluations", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    config = CONFIG.replace("EVAL_STEPS", str(options.eval_steps))
    config = config.replace("MAX_STEPS", str(options.eval_steps * options.evaluations))
    mutations = RANGES if options.search == "pbt" else MUTATIONS
    with tempfile.TemporaryDirectory() as place:
        whole, killed = (
            Killed(recording(Path(place, name), config, mutations), OPTIONS[options.search])
            for name in ("whole", "killed")
        )
        begun = time.monotonic()
        whole.start()
        assert whole.end(3600) == 0, whole.said
        undisturbed_s = time.monotonic() - begun
        account = attack(killed, options.kills, options.seconds, random.Random(options.seed))
        while killed.end(3600) != 0:
            account.others += 1
            assert account.others < MOST_OTHERS, killed.said
            killed.start()
        report(whole, killed, account, options.eval_steps, undisturbed_s)


def report(whole: Killed, killed: Killed, account: Account, interval: int, undisturbed_s: float) -> None:
    """What the run survived, as a table."""
    expected, found = whole.leaderboard(), killed.leaderboard()
    names, others = ([row["variant"] for row in rows] for rows in (expected, found))
    rows = {
        "undisturbed": f"{undisturbed_s:.0f} s",
        "drivers killed": account.driver,
        "trials' processes killed": account.trial,
        "drivers that ended otherwise": account.others,
        "leaderboard": "the same" if found == expected else "ANOTHER",
        "trials lost": len(set(names) - set(others)),
        "trials more than once": len(others) - len(set(others)),
        "steps taken again, at most": f"{max(account.repeated, default=0)} of {interval} between two evaluations",
        "times that a trial went on": len(account.repeated),
        "seconds from a start to the first new checkpoint": " to ".join(
            f"{one:.1f}" for one in (min(account.restart_s), max(account.restart_s))
        ),
    }
    for name, value in rows.items():
        print(f"| {name} | {value} |")


if __name__ == "__main__":
    main()
