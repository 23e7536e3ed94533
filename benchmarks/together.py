"""Fresh processes that measure at the same time: malloc's settings and the number of threads are a process's own."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
READY = "ready\n"
SETTINGS = ("MALLOC_", "GLIBC_TUNABLES", "LD_PRELOAD", "MKL_NUM_THREADS", "OMP_", "KMP_")
"""Of the caller's environment, these would be an arrangement of their own."""


def together(module: str, tasks: Sequence[Mapping[str, Any]], threads: int) -> list[dict[str, Any]]:
    """What each process found; none begins to measure before all are ready.

    Args:
        module: Takes its task as JSON on the command line, says `ready`, waits for a line, and prints what it found.
        tasks: One a process.
        threads: Of each process, as Ray tells a trial: by OMP_NUM_THREADS.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith(SETTINGS)}
    environment["OMP_NUM_THREADS"] = str(threads)
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", module, json.dumps(task)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=environment,
        )
        for task in tasks
    ]
    try:
        for process in processes:
            assert process.stdout is not None
            if process.stdout.readline() != READY:
                raise SystemExit(f"{module} failed, see above: {tasks}")
        return [json.loads(line) for line in _answers(processes)]
    finally:
        for process in processes:
            process.kill()
            process.wait()


def _answers(processes: Sequence[subprocess.Popen[str]]) -> list[str]:
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    return [process.communicate()[0] for process in processes]
