"""A local stand-in of the Hugging Face Hub: the few endpoints that are used, in memory, with failures on demand.

Speaks: create a repository, preupload, commit (regular and LFS files), LFS batch and upload, repository info, tree,
resolve and download, Space secrets, variables and hardware. A commit is all or nothing, as on the Hub.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

TOKEN = "hf_stand_in"


@dataclass
class Repo:
    kind: str
    name: str
    private: bool = False
    files: dict[str, bytes] = field(default_factory=dict)
    commits: int = 0
    about: dict[str, Any] = field(default_factory=dict)  # what else was asked for: sdk, secrets, hardware

    @property
    def sha(self) -> str:
        return hashlib.sha1(f"{self.name}{self.commits}".encode()).hexdigest()


class Hub:
    """`fail` is asked before each answer: (method, path) -> None, a status, "hang" or "half"."""

    def __init__(self) -> None:
        self.repos: dict[tuple[str, str], Repo] = {}
        self.lfs: dict[str, bytes] = {}
        self.calls: Counter[str] = Counter()
        self.failing: list[Any] = []  # for the next commits and uploads, one after the other
        self.broken: int | None = None  # a status for everything
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def repo(self, name: str, kind: str = "dataset") -> Repo:
        return self.repos[kind, name]

    def env(self) -> dict[str, str]:
        """What a process needs to take this for the Hub."""
        return {"HF_ENDPOINT": self.url, "HF_HUB_OFFLINE": "0", "HF_TOKEN": TOKEN, "HF_HUB_DISABLE_XET": "1"}


def _handler(hub: Hub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None:
            pass

        def _answer(self, status: int, value: Any = None, raw: bytes | None = None, **headers: str) -> None:
            body = raw if raw is not None else json.dumps(value if value is not None else {}).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json" if raw is None else "application/octet-stream")
            self.send_header("content-length", str(len(body)))
            for name, each in headers.items():
                self.send_header(name.replace("_", "-"), each)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def _serve(self) -> None:
            path = unquote(urlsplit(self.path).path)
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            hub.calls[f"{self.command} {_shape(path)}"] += 1
            wrong: Any = hub.broken
            if wrong is None and hub.failing and ("/commit/" in path or path.startswith("/lfs/")):
                wrong = hub.failing.pop(0)
            if wrong == "hang":
                time.sleep(3)
            if wrong in ("hang", "half"):  # the connection breaks before anything is kept
                self.close_connection = True
                return
            if wrong:
                self._answer(wrong, {"error": "injected"})
                return
            if self.headers.get("authorization") != f"Bearer {TOKEN}" and not path.startswith("/lfs/"):
                self._answer(401, {"error": "unauthorised"})
                return
            self._route(path, body)

        do_GET = do_POST = do_PUT = do_HEAD = do_DELETE = _serve

        def _route(self, path: str, body: bytes) -> None:
            if path == "/api/validate-yaml":
                return self._answer(200, {"errors": [], "warnings": []})
            if path == "/api/repos/create":
                given = json.loads(body)
                kind, name = (
                    given.get("type", "model"),
                    f"{given.get('organization') or 'me'}/{given['name']}",
                )
                there = (kind, name) in hub.repos
                made = hub.repos.setdefault((kind, name), Repo(kind, name, bool(given.get("private"))))
                if not there:
                    made.private = bool(given.get("private")) or given.get("visibility") == "private"
                    made.about |= given
                self._answer(409 if there else 200, {"url": f"{hub.url}/{kind}s/{name}", "id": name})
                return
            if path == "/api/whoami-v2":
                self._answer(200, {"name": "me", "type": "user", "orgs": []})
                return
            if path.startswith("/lfs/"):
                if self.command == "PUT":
                    hub.lfs[path[5:]] = body
                self._answer(200, {})
                return
            found = re.match(r"/api/(model|dataset|space)s/([\w.-]+/[\w.-]+)(?:/(.*))?$", path)
            if found:
                self._api(*found.groups(), body)
                return
            found = re.match(r"/(?:(dataset|space)s/)?([\w.-]+/[\w.-]+)\.git/info/lfs/objects/batch$", path)
            if found:
                self._batch(json.loads(body))
                return
            found = re.match(r"/(?:(dataset|space)s/)?([\w.-]+/[\w.-]+)/resolve/[^/]+/(.+)$", path)
            if found:
                self._resolve(found.group(1) or "model", found.group(2), found.group(3))
                return
            self._answer(404, {"error": path})

        def _api(self, kind: str, name: str, rest: str | None, body: bytes) -> None:
            repo = hub.repos.get((kind, name))
            if repo is None:
                self._answer(404, {"error": "no repository"}, X_Error_Code="RepoNotFound")
            elif rest is None or rest.startswith("revision/"):
                listed = [{"rfilename": each} for each in sorted(repo.files)]
                about = {"id": name, "sha": repo.sha, "private": repo.private, "siblings": listed, "tags": []}
                runtime = {"stage": "RUNNING", "hardware": hardware_of(repo), "storage": None}
                self._answer(200, about | {"runtime": runtime})
            elif rest.startswith("preupload/"):
                modes = [
                    {
                        "path": each["path"],
                        "shouldIgnore": False,
                        "uploadMode": "lfs" if each["path"].endswith((".safetensors", ".png")) else "regular",
                    }
                    for each in json.loads(body)["files"]
                ]
                self._answer(200, {"files": modes})
            elif rest.startswith("commit/"):
                self._commit(repo, body)
            elif rest.startswith("tree/"):
                self._answer(200, [_entry(path, content) for path, content in sorted(repo.files.items())])
            elif rest in ("secrets", "variables"):
                kept = repo.about.setdefault(rest, {})
                if body and self.command == "DELETE":
                    kept.pop(json.loads(body)["key"], None)
                elif body:
                    kept[json.loads(body)["key"]] = json.loads(body)["value"]
                shown = {} if rest == "secrets" else {"value": "…"}  # a secret's value is never given out
                self._answer(200, {name: {"key": name, **shown} for name in kept})
            elif rest in ("hardware", "settings"):
                if body and rest == "hardware":
                    repo.about["hardware"] = json.loads(body)["flavor"]
                self._answer(200, {"stage": "RUNNING", "hardware": hardware_of(repo), "storage": None})
            else:
                self._answer(404, {"error": rest})

        def _commit(self, repo: Repo, body: bytes) -> None:
            added: dict[str, bytes] = {}
            for line in body.splitlines():
                each = json.loads(line)
                value = each["value"]
                if each["key"] == "file":
                    added[value["path"]] = base64.b64decode(value["content"])
                elif each["key"] == "lfsFile":
                    if value["oid"] not in hub.lfs:
                        self._answer(400, {"error": f"{value['path']} was never uploaded"})
                        return
                    added[value["path"]] = hub.lfs[value["oid"]]
                elif each["key"] == "deletedFile":
                    repo.files.pop(value["path"], None)
            repo.files |= added
            repo.commits += 1
            oid = repo.sha
            self._answer(200, {"success": True, "commitOid": oid, "commitUrl": f"{hub.url}/{repo.name}/commit/{oid}"})

        def _batch(self, given: dict[str, Any]) -> None:
            objects = []
            for each in given["objects"]:
                upload = {"href": f"{hub.url}/lfs/{each['oid']}", "header": {}}
                actions = {} if each["oid"] in hub.lfs else {"actions": {"upload": upload}}
                objects.append({"oid": each["oid"], "size": each["size"], **actions})
            self._answer(200, {"transfer": "basic", "objects": objects})

        def _resolve(self, kind: str, name: str, path: str) -> None:
            repo = hub.repos.get((kind, name))
            if repo is None or path not in repo.files:
                code = "RepoNotFound" if repo is None else "EntryNotFound"
                self._answer(404, {"error": "no such file"}, X_Error_Code=code)
                return
            content = repo.files[path]
            etag = hashlib.sha1(content).hexdigest()
            self._answer(200, raw=content, ETag=f'"{etag}"', X_Repo_Commit=repo.sha)

    return Handler


def hardware_of(repo: Repo) -> dict[str, str | None]:
    return {"current": repo.about.get("hardware"), "requested": None}


def _entry(path: str, content: bytes) -> dict[str, Any]:
    return {"type": "file", "path": path, "size": len(content), "oid": hashlib.sha1(content).hexdigest()}


def _shape(path: str) -> str:
    """The endpoint, without the repository's and file's names."""
    return next((name for name in ("create", "preupload", "commit", "tree", "resolve", "batch") if name in path), path)
