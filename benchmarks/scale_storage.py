"""S3 as moto's server tells it, in a process of its own, with a count of its requests.

    python -m benchmarks.scale_storage FILE [DELAY_S]

Prints its port; each request is a line of the file: its operation, what it is of, and its bytes.
"""

import json
import re
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

CHECKPOINT = re.compile(r"/checkpoint_\d+")


@dataclass(frozen=True)
class Request:
    """One request to the storage.

    Attributes:
        operation: Of S3: PUT, GET, HEAD, DELETE, LIST, or the part of an upload in several parts.
        of: What it is of; see `kind_of`.
        sent: Bytes of its body.
    """

    operation: str
    of: str
    sent: int


def operation_of(method: str, query: str) -> str:
    """The operation's name by the request's method and query."""
    given = parse_qs(query, keep_blank_values=True)
    if method == "GET" and ("list-type" in given or "prefix" in given):
        return "LIST"
    if method == "POST" and "delete" in given:
        return "DELETE (many)"
    if "uploads" in given or "uploadId" in given:
        return f"{method} (part)"
    return method


def kind_of(path: str, query: str = "") -> str:
    """What a request is of: a checkpoint, a trial's file by its name, Ray's snapshot, ours, or another's."""
    key = (parse_qs(query).get("prefix") or [path])[0]
    if CHECKPOINT.search(f"/{key}"):
        return "checkpoint"
    name = key.rstrip("/").rpartition("/")[2]
    if name.startswith("events.out"):
        return "events"
    if re.match(r"experiment_state|basic-variant|callback-states|search_gen|searcher|tuner\.pkl", name):
        return "Ray's snapshot"
    return name if "." in name else "folder"


def counted(lines: Iterable[str]) -> dict[tuple[str, str], tuple[int, int]]:
    """Number and bytes of the requests, by operation and what they are of."""
    found: dict[tuple[str, str], tuple[int, int]] = defaultdict(lambda: (0, 0))
    for line in lines:
        one = Request(*json.loads(line))
        number, sent = found[one.operation, one.of]
        found[one.operation, one.of] = number + 1, sent + one.sent
    return dict(found)


def counting(application: Any, file: Any, delay_s: float) -> Callable[..., Any]:
    """The WSGI application; each request is noted, and answered no sooner than after the delay."""

    def call(environ: dict[str, Any], start_response: Any) -> Any:
        path, query = environ["PATH_INFO"], environ["QUERY_STRING"]
        sent = int(environ.get("CONTENT_LENGTH") or 0)
        file.write(json.dumps([operation_of(environ["REQUEST_METHOD"], query), kind_of(path, query), sent]) + "\n")
        time.sleep(delay_s)
        return application(environ, start_response)

    return call


def main() -> None:
    from moto import server as moto  # only this process needs it
    from werkzeug.serving import make_server

    application = moto.DomainDispatcherApplication(moto.create_backend_app)  # type: ignore[attr-defined,unused-ignore]
    delay_s = float(sys.argv[2]) if len(sys.argv) > 2 else 0.0
    with Path(sys.argv[1]).open("a", buffering=1) as file:
        server = make_server("127.0.0.1", 0, counting(application, file, delay_s), threaded=True)
        print(server.server_port, flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
