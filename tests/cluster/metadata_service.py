"""EC2's instance metadata service, version 2, as far as notices go."""

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

TOKEN = "the-token"


class MetadataService(ThreadingHTTPServer):
    """Answers as EC2's.

    Attributes:
        action: What it has at `spot/instance-action`; None is no notice.
        status: Of every answer, if that is not the usual one.
        asked: Methods and paths.
    """

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.action: str | None = None
        self.status: int | None = None
        self.asked = list[str]()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def answer(self, asked: str, ttl: str | None, token: str | None) -> tuple[int, str]:
        self.asked.append(asked)
        if self.status is not None:
            return self.status, ""
        if asked == "PUT /latest/api/token":
            return (200, TOKEN) if ttl is not None and 1 <= int(ttl) <= 21600 else (400, "")
        if token != TOKEN:
            return 401, ""
        found = {"GET /latest/meta-data/spot/instance-action": self.action}.get(asked)
        return (404, "") if found is None else (200, found)


class _Answer(BaseHTTPRequestHandler):
    server: MetadataService

    def do_GET(self) -> None:
        told = (self.headers.get(f"X-aws-ec2-metadata-token{more}") for more in ("-ttl-seconds", ""))
        status, text = self.server.answer(f"{self.command} {self.path}", *told)
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    do_PUT = do_GET

    def log_message(self, *args: object) -> None:
        pass


@contextmanager
def serving() -> Iterator[MetadataService]:
    """It answers until the end of the block."""
    with MetadataService() as service:
        thread = Thread(target=service.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield service
        finally:
            service.shutdown()
            thread.join()
