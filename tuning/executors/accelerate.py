"""Runs that several processes train together, started by `accelerate launch` with the host's own config file.

On one machine everything is started from here. On several, the file names them and the host starts the same command
on each other one (see docs/hosting.md). Methods that do not divide their work run in one process, as ever.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from common.errors import AfinaError
from tuning.config.training_methods import METHODS
from tuning.executors.local import LocalExecutor
from tuning.runs.run_store import Run


class LaunchedExecutor(LocalExecutor):
    """`config`: an accelerate config file. Raises: AfinaError `engine.no_launch_config` where it cannot be read."""

    def __init__(self, home: Path, config: Path, base_model: str = "pocket") -> None:
        super().__init__(home, base_model)
        self.config = Path(config).expanduser()
        self._machines = int(_read(self.config).get("num_machines") or 1)

    def warm(self) -> None:
        """Nothing waits: other runs' worker is started when one comes."""

    def run(self, run: Run) -> None:
        if not METHODS[run.info.method].parallel:
            super().warm()
            super().run(run)
            return
        process, log = self._popen([*self.command(), str(self.home.resolve()), run.id])
        assert process.stdin is not None
        process.stdin.close()
        self._follow(run, process, log)

    def command(self) -> list[str]:
        """The command line, but for the home folder and the run's id."""
        port = ["--main_process_port", "0"] if self._machines == 1 else []  # any free one
        launch = [
            sys.executable,
            "-m",
            "accelerate.commands.launch",
            "--config_file",
            str(self.config.resolve()),
        ]
        return [*launch, *port, "-m", "tuning.executors.node"]


def _read(path: Path) -> dict[str, Any]:
    import yaml

    try:
        settings = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise AfinaError("engine.no_launch_config", path=str(path), reason=str(error).splitlines()[0]) from error
    if not isinstance(settings, dict):
        raise AfinaError("engine.no_launch_config", path=str(path), reason="it holds no settings")
    return settings
