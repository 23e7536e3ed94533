"""The process of a region, the first of its PID namespace: all the boxes die with it.

Reads orders, one a line, and answers each with a line; ends with its input.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.cluster.cloud import api, metadata, network
from tests.cluster.cloud.hypervisor import Hypervisor

HOSTS = "127.0.0.1 localhost laptop\n"


def main(region: str, folder: Path) -> None:
    """The region is there until the end of our input."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what others print goes to the log
    _own_files(folder)
    network.build()
    api.serve(region)
    hypervisor = Hypervisor(region, folder)
    metadata.serve(hypervisor.at, hypervisor.notices.get)
    hypervisor.start()
    print(json.dumps("ready"), file=answers)
    for order in sys.stdin:
        print(json.dumps(_obey(hypervisor, *json.loads(order))), file=answers)


def _own_files(folder: Path) -> None:
    """Namespaces are named in a `/run` of our own; nobody is asked for names."""
    for name, text in (("hosts", HOSTS), ("resolv.conf", "")):
        (folder / name).write_text(text)
        subprocess.run(["mount", "--bind", str(folder / name), f"/etc/{name}"], check=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755", "run", "/run"], check=True)
    Path("/proc/sys/kernel/hostname").write_text("laptop")


def _obey(hypervisor: Hypervisor, order: str, *arguments: Any) -> Any:
    orders: dict[str, Callable[..., Any]] = {
        "instances": hypervisor.told,
        "boxes": hypervisor.running,
        "kill": hypervisor.kill,
        "give_notice": hypervisor.give_notice,
        "no_capacity": lambda market, kind: api.exhausted.add((market, kind)),
        "capacity_again": api.exhausted.clear,
    }
    return orders[order](*arguments)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
