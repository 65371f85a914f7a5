"""The run, where a Hub job executes it: fetched from a private data set, trained, put back.

    python -m tuning.executors.hub_job_worker REPO RUN_ID

Every event is printed as it comes, behind `AFINA `: the job's log is how it is followed. A file `stop` in the run's
folder of the data set stops it.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import threading
from pathlib import Path

from tuning.runs.run_store import Run

MARK = "AFINA "
POLL, LOOK = 0.5, 10.0  # seconds between two looks at the events, at the data set
KEPT = ["events.jsonl", "card.md", "adapter/**", "checkpoints/**"]


def main(repo: str, run_id: str) -> int:
    from huggingface_hub import HfApi, snapshot_download

    from tuning.executors.run_method import execute

    home = Path.cwd() / "home"
    snapshot_download(repo, repo_type="dataset", allow_patterns="runs/**", local_dir=home)
    run, api, over = Run(home / "runs" / run_id), HfApi(), threading.Event()
    reporter = threading.Thread(target=_tell, args=(run, over))
    reporter.start()
    threading.Thread(target=_obey, args=(run, api, repo, over), daemon=True).start()
    try:
        execute(run, home)
    finally:
        over.set()
        reporter.join()
    api.upload_folder(
        repo_id=repo,
        repo_type="dataset",
        folder_path=run.path,
        path_in_repo=f"runs/{run_id}",
        allow_patterns=KEPT,
        commit_message=f"{run.name}: {run.state}",
    )
    return int(run.state == "failed")


def _tell(run: Run, over: threading.Event) -> None:
    seen = len(run.events())
    while True:
        last = over.is_set()
        for event in run.events(seen):
            print(MARK + json.dumps(vars(event)), flush=True)
            seen = event.seq
        if last:
            return
        over.wait(POLL)


def _obey(run: Run, api, repo: str, over: threading.Event) -> None:
    while not over.wait(float(os.environ.get("AFINA_JOB_LOOK") or LOOK)):
        with contextlib.suppress(Exception):  # the next look may succeed
            if api.file_exists(repo, f"runs/{run.id}/stop", repo_type="dataset"):
                run.stop_file.touch()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
