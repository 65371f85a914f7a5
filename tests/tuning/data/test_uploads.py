"""Uploads: kept once, under a name that cannot lead elsewhere."""

from __future__ import annotations

from common import hashing
from tuning.data.uploads import keep


def test_the_same_content_is_kept_once(tmp_path):
    source = tmp_path / "mis datos (1).csv"
    source.write_text("a,b\n1,2\n")
    home = tmp_path / "home"
    place = keep(source, home)
    assert place == home / "uploads" / hashing.of_file(source) / "mis datos (1).csv"
    assert keep(source, home) == place and place.read_text() == source.read_text()
    assert [file.name for file in place.parent.iterdir()] == ["mis datos (1).csv"]


def test_odd_names_are_made_harmless(tmp_path):
    for name in ("..;rm -rf.csv", ".hidden", "x" * 200 + ".csv"):
        source = tmp_path / name
        source.write_text(name)
        place = keep(source, tmp_path / "home")
        assert place.parent.parent == tmp_path / "home" / "uploads"
        assert not place.name.startswith(".") and len(place.name) <= 120
