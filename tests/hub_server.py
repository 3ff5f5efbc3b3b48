"""A hub on this machine that speaks as much of Hugging Face's protocol as fetching a network takes."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import unquote, urlsplit

COMMIT = 40 * "a"


@dataclass
class Repo:
    """`files`: contents by path; `lie`: a file of which the hub names another SHA-256; `gated`: it asks for a login."""

    files: dict[str, bytes]
    licence: str = "apache-2.0"
    gated: bool = False
    lie: str = ""


@dataclass
class Hub:
    """`asked`: method, path and User-Agent of each request."""

    address: str
    asked: list[tuple[str, str, str]] = field(default_factory=list)


@contextmanager
def hub(repos: dict[str, Repo]) -> Iterator[Hub]:
    """Serve repositories, each at one commit, which `main` stands for."""
    told = Hub("")

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            told.asked.append((self.command, self.path, self.headers.get("User-Agent", "")))
            parts = unquote(urlsplit(self.path).path).strip("/").split("/")
            is_api = parts[:2] == ["api", "models"]
            owner, name, *rest = parts[2:] if is_api else parts
            repo = repos.get(f"{owner}/{name}")
            revision = rest[1] if len(rest) > 1 else "main"
            if repo is None:
                self.answer(401, b"{}", {"X-Error-Code": "RepoNotFound"})
            elif repo.gated:
                self.answer(403, b"{}", {"X-Error-Code": "GatedRepo"})
            elif revision not in ("main", COMMIT):
                self.answer(404, b"{}", {"X-Error-Code": "RevisionNotFound"})
            elif is_api:
                self.answer(200, json.dumps(self.info(f"{owner}/{name}", repo)).encode())
            else:
                self.send_file(repo, "/".join(rest[2:]))

        def info(self, name: str, repo: Repo) -> dict[str, object]:
            def sibling(path: str, content: bytes) -> dict[str, object]:
                digest = hashlib.sha256(b"other" if path == repo.lie else content).hexdigest()
                lfs = {"sha256": digest, "size": len(content), "pointerSize": 100}
                return {"rfilename": path, "size": len(content), **({"lfs": lfs} if path.endswith("x") else {})}

            siblings = [sibling(path, content) for path, content in repo.files.items()]
            return {"id": name, "sha": COMMIT, "siblings": siblings, "cardData": {"license": repo.licence}}

        def send_file(self, repo: Repo, path: str) -> None:
            content = repo.files.get(path)
            if content is None:
                self.answer(404, b"", {"X-Error-Code": "EntryNotFound"})
                return
            etag = hashlib.sha256(content).hexdigest()
            self.answer(200, content, {"ETag": f'"{etag}"', "X-Repo-Commit": COMMIT})

        def answer(self, status: int, content: bytes, headers: dict[str, str] | None = None) -> None:
            self.send_response(status)
            for key, value in {"Content-Length": str(len(content)), **(headers or {})}.items():
                self.send_header(key, value)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    told.address = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield told
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
