"""Small files that unpack to large ones, and an ordinary slip: seconds and memory of reading each, in a fresh process.

`python benchmarks/uploads.py [--tree DIR]` makes the files in a temporary folder and prints a line of JSON for each:
the file's MB, what came of it, seconds, and by how many MB the process grew at most. `--tree`: another checkout whose
code is to read them. A process is ended after --seconds, or when it needs more than --gigabytes.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[1]
READS = {
    "votes": "from labeling.exchange import read; read.judged(path)",
    "report": "from labeling.exchange import counting; counting.votes(path)",
    "gold": "from labeling.exchange import read; read.gold(path)",
    "data": "from tuning.data import formats; load.load(path)",
    "prompts": "from common.settings import Settings; from workbench.voting.rounds import read_prompts; "
    "read_prompts(path, Settings(home=path.parent))",
    "document": "from tuning import retrieval; retrieval.read(path)",
}
# What is imported is no part of what the reading takes.
CHILD = """
import resource, sys, time
from pathlib import Path
import labeling.exchange.reader, tuning.data.loading, tuning.data.prompts, tuning.evaluation.retrieval,
workbench.voting.rounds
import pyarrow.parquet
path = Path(sys.argv[1])
peak = lambda: sum(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)) / 1024
resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[2]),) * 2)
before, begun, outcome = peak(), time.perf_counter(), "read"
try:
    exec(sys.argv[3])
except MemoryError:
    outcome = "out of memory"
except Exception as error:
    outcome = getattr(error, "key", type(error).__name__)
import json
print(json.dumps({"outcome": outcome, "seconds": round(time.perf_counter() - begun, 2),
                  "grew_mb": round(peak() - before)}))
"""


def packed_votes(path: Path) -> None:
    row = {
        "prompt": "Why?",
        "completion_a": "x" * 80,
        "completion_b": "y" * 80,
        "model_a": "a",
        "model_b": "b",
        "winner": "model_a",
    }
    with gzip.open(path, "wb", 6) as file:
        for start in range(0, 1_500_000, 1000):
            file.write(
                "".join(json.dumps({**row, "comparison_id": str(start + n)}) + "\n" for n in range(1000)).encode()
            )


def packed_blank_lines(path: Path) -> None:
    with gzip.open(path, "wb", 9) as file:
        for _ in range(1500):
            file.write(b"\n" * 1_000_000)


def small_parquet(path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    texts = pa.array(["t" * 100] * 1_000_000)
    with pq.ParquetWriter(path, pa.schema([("prompt", pa.string()), ("completion", pa.string())])) as file:
        for _ in range(30):
            file.write_table(pa.table({"prompt": texts, "completion": texts}))


def wrong_fields(path: Path) -> None:
    path.write_text("prompt,completion\n" + "a\n" * 4_000_000)


def deep_json(path: Path) -> None:
    path.write_text('{"prompt": ' + "[" * 900 + "]" * 900 + ', "completion": "x"}\n')


def many_lists(path: Path) -> None:
    path.write_text('[{"prompt": "x", "completion": [' + "[]," * 6_000_000 + "[]]}]")


def small_pdf(path: Path) -> None:
    packer, packed = zlib.compressobj(9), []
    for _ in range(2):
        packed.append(packer.compress(b"BT /F1 1 Tf (word) Tj ET " * 500_000))
    content = b"".join([*packed, packer.flush()])
    kids = b" ".join(b"%d 0 R" % (4 + n) for n in range(400))
    parts = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[" + kids + b"]/Count 400>>",
        b"<</Filter/FlateDecode/Length %d>>stream\n" % len(content) + content + b"\nendstream",
    ]
    parts += [b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]/Contents 3 0 R/Resources<</Font<</F1 404 0 R>>>>>>"] * 400
    parts.append(b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>")
    made, places = b"%PDF-1.4\n", []
    for number, part in enumerate(parts, 1):
        places.append(len(made))
        made += b"%d 0 obj" % number + part + b"endobj\n"
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    made += b"xref\n0 %d\n0000000000 65535 f \n" % (len(parts) + 1) + table
    path.write_bytes(
        made + b"trailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF" % (len(parts) + 1, made.rfind(b"xref\n"))
    )


CASES: list[tuple[str, Callable[[Path], None], tuple[str, ...]]] = [
    ("votes.jsonl.gz", packed_votes, ("votes", "report", "gold", "data")),
    ("blank.jsonl.gz", packed_blank_lines, ("votes", "report", "data", "prompts")),
    ("rows.parquet", small_parquet, ("data",)),
    ("fields.csv", wrong_fields, ("data",)),
    ("deep.jsonl", deep_json, ("votes", "data")),
    ("lists.json", many_lists, ("votes", "data")),
    ("pages.pdf", small_pdf, ("document",)),
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tree", type=Path, default=ROOT)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--gigabytes", type=float, default=5)
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for name, make, readers in CASES:
            if options.only not in name:
                continue
            path = Path(folder) / name
            make(path)
            for reader in readers:
                told = measured(path, reader, options.tree, options.seconds, options.gigabytes)
                print(
                    json.dumps({"file": name, "mb": round(path.stat().st_size / 1e6, 2), "read_as": reader, **told}),
                    flush=True,
                )


def measured(path: Path, reader: str, tree: Path, seconds: float, gigabytes: float) -> dict[str, object]:
    command = [sys.executable, "-c", CHILD, str(path), str(int(gigabytes * 1e9)), READS[reader]]
    env = {**os.environ, "PYTHONPATH": str(tree.absolute())}
    process = subprocess.Popen(command, cwd=tree, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        out, err = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        status = Path(f"/proc/{process.pid}/status").read_text()
        grew = int(status.split("VmRSS:")[1].split()[0]) // 1024
        process.kill()
        process.communicate()
        return {"outcome": f"ended after {seconds:g} s", "held_mb": grew}
    return json.loads(out.splitlines()[-1]) if out else {"outcome": err.decode()[-200:]}


if __name__ == "__main__":
    main()
