"""Runs as jobs on the Hugging Face Hub: the same run on rented hardware, its events followed live.

The run's folder, its parents and this package travel through a private data set; events come back by the job's log,
adapter and checkpoints by the data set. A job outlives this process: resumed, a run whose job is still at work is
followed again. Knows no trainer.
"""

from __future__ import annotations

import json
import logging
import shutil
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import Timeout

from common.errors import AfinaError
from common.files import read_json, write_json
from common.wording import unsigned
from tuning.executors.hub_job_worker import KEPT, MARK
from tuning.runs.events import EventLog
from tuning.runs.run_store import Run, RunStore
from tuning.runs.status import ACTIVE, ENDED, state_of

if TYPE_CHECKING:
    from huggingface_hub import HfApi

logger = logging.getLogger(__name__)
IMAGE = "pytorch/pytorch:2.8.0-cuda12.8-cudnn9-runtime"
_ROOT = Path(__file__).parents[2]
_NEEDED = (
    "transformers",
    "peft",
    "trl",
    "datasets",
    "accelerate",
    "huggingface_hub",
    "safetensors",
    "filelock",
    "psutil",
    "numpy",
    "pyarrow",
    "pandas",
    "httpx",
    "orjson",
    "scipy",
    "PyYAML",
)
_OVER = ("COMPLETED", "CANCELED", "CANCELLED", "ERROR", "DELETED")
_LOOK = 2.0  # seconds between two looks at a job
_SETUP = """set -e
pip install -q huggingface_hub
hf download {repo} --repo-type dataset --include 'code/*' --local-dir afina --quiet
pip install -q -r afina/code/requirements.txt
cd afina/code && python -m tuning.executors.hub_job_worker {repo} {run}"""


class HubJobExecutor:
    """`flavor`: the Hub's hardware, `a10g-small`; `repo`: the data set, `<user>/afina-runs` if empty."""

    def __init__(self, home: Path, flavor: str, repo: str = "", token: str = "", timeout: str = "6h") -> None:
        self.home, self.flavor, self.timeout = Path(home), flavor, timeout
        self._repo, self._token = repo, token
        self._closing = threading.Event()

    def warm(self) -> None:
        """Nothing is rented before there is a run."""

    def close(self) -> None:
        """Follows no longer; a job under way goes on."""
        self._closing.set()

    def run(self, run: Run) -> None:
        """Submits `run`, or follows its job again, to its end. Raises: AfinaError `job.…`."""
        try:
            lock = run.lock(timeout=5).acquire()
        except Timeout:
            return
        with lock:
            if state_of(run.events()) != "queued":
                return
            try:
                api = self._api()
                job = self._still_at_work(api, run) or self._submit(api, run)
                run.move("starting", ("queued",))
                self._follow(api, run, job)
            except AfinaError:
                raise
            except Exception as error:
                logger.exception("run %s", run.id, extra={"run_id": run.id})
                raise AfinaError("job.hub", reason=_short(error)) from error

    def _api(self) -> HfApi:
        from huggingface_hub import HfApi

        api = HfApi(token=self._token or None)
        self._repo = self._repo or f"{api.whoami()['name']}/afina-runs"
        return api

    # There

    def _submit(self, api: HfApi, run: Run) -> str:
        if run.info.base.get("kind") not in ("pocket", "hub"):
            raise AfinaError("job.local_model", name=run.info.base["name"])
        api.create_repo(self._repo, repo_type="dataset", private=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as folder:
            self._pack(Path(folder), run)
            api.upload_folder(
                repo_id=self._repo,
                repo_type="dataset",
                folder_path=folder,
                commit_message=f"{run.name}: queued",
                delete_patterns=[f"runs/{run.id}/stop"],
            )
        script = _SETUP.format(repo=self._repo, run=run.id)
        job = api.run_job(
            image=IMAGE,
            command=["bash", "-c", script],
            flavor=self.flavor,
            timeout=self.timeout,
            secrets={"HF_TOKEN": self._token or _own_token()},
            labels={"afina": run.id},
        )
        write_json(run.path / "job.json", {"job": job.id, "seen": 0})
        run.note("note.job", 0, job=job.id, flavor=self.flavor)
        return str(job.id)

    def _pack(self, folder: Path, run: Run) -> None:
        """`runs/` with the run and those that it continues; `code/` with what trains it."""
        store, current = RunStore(self.home), run
        ignore = shutil.ignore_patterns("*.lock", "job.json", "stop", "__pycache__", "*.zip")
        while True:
            shutil.copytree(current.path, folder / "runs" / current.id, ignore=ignore)
            if not current.info.parent:
                break
            current = store.get(current.info.parent)
        for package in ("common", "tuning"):
            shutil.copytree(_ROOT / package, folder / "code" / package, ignore=ignore)
        lines = (_ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
        needed = [line for line in lines if line.split(">")[0].split("[")[0].strip() in _NEEDED]
        (folder / "code" / "requirements.txt").write_text("\n".join(needed) + "\n", encoding="utf-8")

    # Back

    def _still_at_work(self, api: HfApi, run: Run) -> str | None:
        path = run.path / "job.json"
        if not path.is_file():
            return None
        job = str(read_json(path)["job"])
        try:
            return None if _stage(api, job) in _OVER else job
        except Exception:  # the Hub has forgotten it
            return None

    def _follow(self, api: HfApi, run: Run, job: str) -> None:
        over = threading.Event()
        watcher = threading.Thread(target=self._pass_on_stop, args=(api, run, job, over), daemon=True)
        watcher.start()
        failures = 0
        try:
            while not self._closing.is_set():
                try:
                    self._read_log(api, run, job)
                    stage = _stage(api, job)
                    failures = 0
                except Exception as error:
                    failures += 1
                    logger.warning("job %s: %s", job, error)
                    if failures > 5:
                        raise
                    stage = ""
                if stage in _OVER:
                    self._fetch(api, run, job, stage)
                    return
                self._closing.wait(_LOOK * (1 + failures))
        finally:
            over.set()

    def _read_log(self, api: HfApi, run: Run, job: str) -> None:
        """Takes over the events in the job's log until it ends or breaks; what is known is skipped."""
        for line in api.fetch_job_logs(job_id=job, follow=True):
            if self._closing.is_set():
                return
            if line.startswith(MARK):
                _take(run, json.loads(line[len(MARK) :]))

    def _pass_on_stop(self, api: HfApi, run: Run, job: str, over: threading.Event) -> None:
        while not over.wait(_LOOK / 2):
            if not run.stop_file.exists():
                continue
            try:
                if run.status().total_steps:  # it trains: it can save
                    api.upload_file(
                        path_or_fileobj=b"stop",
                        path_in_repo=f"runs/{run.id}/stop",
                        repo_id=self._repo,
                        repo_type="dataset",
                    )
                else:
                    api.cancel_job(job_id=job)
                return
            except Exception as error:
                logger.warning("stop of job %s: %s", job, error)

    def _fetch(self, api: HfApi, run: Run, job: str, stage: str) -> None:
        """Adapter, checkpoints and what is missing of the events; then the run's last state."""
        from huggingface_hub import snapshot_download

        with tempfile.TemporaryDirectory() as folder:
            there = f"runs/{run.id}"
            snapshot_download(
                self._repo,
                repo_type="dataset",
                local_dir=folder,
                token=self._token or None,
                allow_patterns=[f"{there}/{each}" for each in KEPT],
            )
            fetched = Path(folder) / there
            events = EventLog(fetched / "events.jsonl").read()
            last = state_of(events)
            if not events or last not in ENDED:
                stopped = run.stop_file.exists()
                run.stop_file.unlink(missing_ok=True)
                if stopped:
                    run.move("cancelled")
                else:
                    run.fail(AfinaError("job.ended", job=job, stage=stage))
                return
            for name in ("adapter", "checkpoints"):
                shutil.rmtree(run.path / name, ignore_errors=True)
                if (fetched / name).is_dir():
                    shutil.move(fetched / name, run.path / name)
            if (fetched / "card.md").is_file():
                shutil.move(fetched / "card.md", run.card)
        for event in events:
            _take(run, vars(event))
        run.stop_file.unlink(missing_ok=True)
        run.move(last, ACTIVE)


def _take(run: Run, event: dict[str, Any]) -> None:
    """One event of the job into the run's own log, once; the last state comes when everything is here."""
    job = read_json(run.path / "job.json")
    state = event["metrics"].get("state") if event["kind"] == "state" else None
    if event["seq"] <= job["seen"] or state == "queued":
        return
    if state is None:
        run.append(event["kind"], event["step"], **event["metrics"])
    elif state in ACTIVE:
        run.move(state, ACTIVE)
    write_json(run.path / "job.json", {**job, "seen": event["seq"]})


def _stage(api: HfApi, job: str) -> str:
    return str(api.inspect_job(job_id=job).status.stage).rpartition(".")[2].upper()


def _own_token() -> str:
    from huggingface_hub import get_token

    token = get_token()
    if not token:
        raise AfinaError("job.no_token")
    return token


def _short(error: Exception) -> str:
    return unsigned((str(error).splitlines() or [type(error).__name__])[0])[:200]
