"""A PDF that unpacks without end, or takes too long, ends its own process and not the page's."""

import subprocess
import time
import zlib

import pytest

from common.errors import AfinaError
from tuning.evaluation import pdf_text


def document(content: bytes, pages: int) -> bytes:
    """A PDF whose pages all show one packed content."""
    packed = zlib.compress(content, 9)
    kids = b" ".join(b"%d 0 R" % (4 + n) for n in range(pages))
    parts = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[" + kids + b"]/Count %d>>" % pages,
        b"<</Filter/FlateDecode/Length %d>>stream\n" % len(packed) + packed + b"\nendstream",
        *[
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]/Contents 3 0 R/Resources<</Font<</F1 %d 0 R>>>>>>"
            % (4 + pages)
        ]
        * pages,
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]
    made, places = b"%PDF-1.4\n", []
    for number, part in enumerate(parts, 1):
        places.append(len(made))
        made += b"%d 0 obj" % number + part + b"endobj\n"
    start = len(made)
    made += b"xref\n0 %d\n0000000000 65535 f \n" % (len(parts) + 1)
    made += b"".join(b"%010d 00000 n \n" % place for place in places)
    return made + b"trailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF" % (len(parts) + 1, start)


@pytest.fixture
def costly(tmp_path):
    path = tmp_path / "long.pdf"
    path.write_bytes(document(b"BT /F1 1 Tf (word) Tj ET " * 400_000, 400))  # minutes of reading
    return path


def test_what_takes_too_long_is_ended(costly):
    begun = time.perf_counter()
    with pytest.raises(AfinaError) as caught:
        pdf_text.pages(costly, seconds=3)
    assert caught.value.key == "documents.costly" and "long.pdf" in str(caught.value)
    assert time.perf_counter() - begun < 20
    running = subprocess.run(["ps", "ax", "-o", "args"], capture_output=True, text=True).stdout
    assert str(costly) not in running


@pytest.mark.slow
def test_what_takes_too_much_memory_is_ended(tmp_path):
    """The limit is the process's own: so it is tried in one."""
    path = tmp_path / "large.pdf"
    path.write_bytes(document(b"BT /F1 1 Tf (word) Tj ET " * 1_000_000, 1))
    asked = [
        "import tuning.evaluation.pdf_text as pdf, sys, pathlib, json",
        "import pypdf._page",
        "pdf._MOST_MB = 220",
        "pdf._bound()",
        "print(json.dumps(pdf._read(pathlib.Path(sys.argv[1]))))",
    ]
    done = subprocess.run(
        [pdf_text.sys.executable, "-c", "; ".join(asked), str(path)],
        capture_output=True,
        text=True,
        cwd=pdf_text._ROOT,
    )
    assert "documents.costly" in done.stdout, done.stdout[-300:] + done.stderr[-300:]


def test_pages_and_errors_come_back(tmp_path):
    path = tmp_path / "¿qué?.pdf"
    path.write_bytes(document(b"BT /F1 1 Tf (word) Tj ET ", 2))
    assert pdf_text.pages(path) == ["word", "word"]
    path.write_bytes(b"%PDF")
    with pytest.raises(AfinaError) as caught:
        pdf_text.pages(path)
    assert caught.value.key == "documents.pdf" and "¿qué?.pdf" in caught.value.words("es")
