"""The text of each page of a PDF, read in a process of its own whose memory and time are bounded.

A PDF of a few kilobytes can unpack, or refer to itself, without end; the page must not wait or grow for it.
`python -m tuning.evaluation.pdf_text FILE` prints JSON: `{"pages": […]}`, or `{"error": key, …}`.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from common.errors import AfinaError

SECONDS = 60
_MOST_MB = 1_500  # address space of the process: Python and pypdf take about 200
_MOST_PAGES = 500
_MOST_TEXT = 20_000_000  # characters
_ROOT = Path(__file__).parents[2]


def pages(path: Path, seconds: float = SECONDS) -> list[str]:
    """The text of every page.

    Raises: AfinaError `documents.pdf`, `documents.locked`, `documents.pages`, and `documents.costly` for what takes
    more than `seconds`, or more memory than there is for it.
    """
    command = [sys.executable, "-m", "tuning.evaluation.pdf_text", str(path.absolute())]
    try:
        done = subprocess.run(command, cwd=_ROOT, capture_output=True, timeout=seconds, check=False)
        answer: dict[str, Any] = json.loads(done.stdout)
    except (subprocess.TimeoutExpired, ValueError):  # no answer: the system ended it
        raise AfinaError("documents.costly", name=path.name) from None
    if "error" in answer:
        raise AfinaError(answer.pop("error"), name=path.name, **answer)
    return answer["pages"]


def _read(path: Path) -> dict[str, Any]:
    import pypdf

    try:
        pdf = pypdf.PdfReader(path)
        if pdf.is_encrypted and not pdf.decrypt(""):
            return {"error": "documents.locked"}
        if len(pdf.pages) > _MOST_PAGES:
            return {"error": "documents.pages", "n": len(pdf.pages), "most": _MOST_PAGES}
        texts, left = [], _MOST_TEXT
        for page in pdf.pages:
            texts.append(page.extract_text())
            left -= len(texts[-1])
            if left < 0:
                return {"error": "documents.costly"}
        return {"pages": texts}
    except MemoryError:
        return {"error": "documents.costly"}
    except Exception as error:  # a damaged file fails in many ways, not all of them pypdf's own errors
        return {"error": "documents.pdf", "reason": f"{type(error).__name__}: {error}"[:300]}


def _bound() -> None:
    """Limits this process where the system can: Windows cannot, and there the time alone is bounded."""
    try:
        import resource
    except ImportError:
        return
    for kind, most in ((resource.RLIMIT_AS, _MOST_MB * 1_000_000), (resource.RLIMIT_CPU, SECONDS)):
        _, hard = resource.getrlimit(kind)
        try:
            resource.setrlimit(kind, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))
        except (ValueError, OSError):  # macOS takes no limit of the address space
            continue


if __name__ == "__main__":
    _bound()
    sys.stdout.buffer.write(json.dumps(_read(Path(sys.argv[1]))).encode("ascii"))
