"""Where the sets that come with the app lie."""

from pathlib import Path

SETS = Path(__file__).parents[1] / "sets"
EXAMPLES = SETS / "examples.json"
