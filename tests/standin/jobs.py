"""The Hub's jobs, beside `tests.standin.hub`: a job is a real process here, its log a stream of events."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from tests.standin.hub import TOKEN, Hub


class Job:
    def __init__(self, spec: dict[str, Any], folder: Path, url: str, number: int) -> None:
        self.id, self.spec, self.lines, self.cancelled = f"job{number}", spec, list[str](), False
        shims = folder / "bin"
        shims.mkdir(parents=True)
        (shims / "pip").write_text("#!/bin/sh\nexit 0\n")  # everything is installed already
        (shims / "pip").chmod(0o755)
        path = os.pathsep.join([str(shims), str(Path(sys.executable).parent), os.environ["PATH"]])
        env = {
            **os.environ,
            "PATH": path,
            "HF_ENDPOINT": url,
            "HF_TOKEN": TOKEN,
            "HF_HUB_DISABLE_XET": "1",
            "HF_HUB_OFFLINE": "0",
            "HF_HOME": str(folder / "hf"),
            "AFINA_JOB_LOOK": "0.5",
        }
        self.process = subprocess.Popen(
            spec["command"],
            cwd=folder,
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))
        self.process.wait()

    @property
    def stage(self) -> str:
        status = self.process.poll()
        if self.cancelled:
            return "CANCELED"
        return "RUNNING" if status is None else "COMPLETED" if status == 0 else "ERROR"

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.kill()


class JobsHub(Hub):
    """`cut`: how many log streams break after a few lines."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder, self.jobs, self.cut = folder, dict[str, Job](), 0
        hub, inner = self, self._server.RequestHandlerClass

        class Handler(inner):  # type: ignore[misc, valid-type]
            def do_PUT(self) -> None:
                """Large files come in chunks, of no length that is known beforehand."""
                if "chunked" in self.headers.get("transfer-encoding", ""):
                    whole = b""
                    while size := int(self.rfile.readline().split(b";")[0], 16):
                        whole += self.rfile.read(size)
                        self.rfile.readline()
                    self.rfile.readline()
                    del self.headers["transfer-encoding"]
                    self.headers["content-length"] = str(len(whole))
                    line, self.rfile = self.rfile, io.BytesIO(whole)
                    self._serve()
                    self.rfile = line
                else:
                    self._serve()

            def _route(self, path: str, body: bytes) -> None:
                found = re.fullmatch(r"/api/jobs/me(?:/(\w+))?(?:/(\w+))?", path)
                if not found:
                    super()._route(path, body)
                elif found.group(1) is None:
                    number = len(hub.jobs)
                    job = Job(json.loads(body), hub.folder / str(number), hub.url, number)
                    hub.jobs[job.id] = job
                    self._answer(200, _told(job))
                elif found.group(2) == "logs":
                    self._log(hub.jobs[found.group(1)])
                else:
                    job = hub.jobs[found.group(1)]
                    if found.group(2) == "cancel":
                        job.cancelled = True
                        job.end()
                    self._answer(200, _told(job))

            def _log(self, job: Job) -> None:
                self.send_response(200)
                self.send_header("content-type", "text/event-stream")
                self.send_header("connection", "close")
                self.end_headers()
                self.close_connection = True
                sent, cut = 0, hub.cut > 0
                hub.cut -= cut
                while True:
                    over = job.stage != "RUNNING"
                    time.sleep(0.1)
                    for line in job.lines[sent:]:
                        told = json.dumps({"data": line, "timestamp": f"2026-01-01T00:00:00.{sent:06}Z"})
                        self.wfile.write(f"data: {told}\n\n".encode())
                        self.wfile.flush()
                        sent += 1
                    if over or (cut and sent > 3):
                        return

        self._server.RequestHandlerClass = Handler

    def close(self) -> None:
        for job in self.jobs.values():
            job.end()
        super().close()


def _told(job: Job) -> dict[str, Any]:
    return {
        "id": job.id,
        "createdAt": "2026-01-01T00:00:00.000Z",
        "dockerImage": "x",
        "spaceId": None,
        "command": job.spec["command"],
        "arguments": [],
        "environment": {},
        "secrets": {},
        "flavor": "x",
        "labels": {},
        "status": {"stage": job.stage, "message": None},
        "owner": {"id": "1", "name": "me", "type": "user"},
    }
