"""The embedded base model: its world, its corpus, how it is pretrained and checked. Nothing loads on import."""

from pathlib import Path

SETS = Path(__file__).parent / "sets"
EXAMPLES = SETS / "examples.json"
