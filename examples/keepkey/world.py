"""Stands for the five environments while one tries this: `python3 world.py [PORT]` answers at /ENVIRONMENT, and with 503
where a file deployment/down/ENVIRONMENT stands."""

import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

DOWN = Path(__file__).resolve().parent / "deployment" / "down"


class Environments(BaseHTTPRequestHandler):
    """One answer for each of them."""

    def do_GET(self) -> None:
        """200, or 503 where it is down."""
        name = self.path.strip("/")
        known = name.isalpha()
        self.send_response(404 if not known else 503 if (DOWN / name).exists() else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing: every few minutes somebody asks."""


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", int((sys.argv[1:] or ["8072"])[0])), Environments)
    print(f"http://127.0.0.1:{server.server_address[1]}", flush=True)
    server.serve_forever()
