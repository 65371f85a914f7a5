"""Hub ids are told from files; what goes wrong on the way is worded, offline too."""

from __future__ import annotations

import pytest

from common.errors import AfinaError
from tuning.data import hub_datasets
from tuning.data.loading import load


@pytest.mark.parametrize(
    ("source", "is_id"),
    [
        ("tatsu-lab/alpaca", True),
        ("allenai/c4:en", True),
        ("a/b::test", True),
        ("mixed.en", False),
        ("/tmp/x/y.json", False),
        ("../a/b", False),
        ("a/b/c", False),
    ],
)
def test_what_looks_like_an_id(source, is_id):
    assert hub_datasets.looks_like_id(source) is is_id


def test_offline_says_so_at_once(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(AfinaError) as caught:
        load("tatsu-lab/alpaca")
    assert caught.value.key == "data.no_network"


def test_records_are_bounded_in_number_and_size(monkeypatch):
    stream = ({"text": "x" * 1000} for _ in iter(int, 1))  # endless
    monkeypatch.setattr(hub_datasets, "_open", lambda *_: stream)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    records = hub_datasets.read("a/b", max_mb=1)
    assert records.cut and 900 <= len(records.rows) <= 1001
    monkeypatch.setattr(hub_datasets, "_open", lambda *_: iter([{"text": "x"}] * 3))
    assert not hub_datasets.read("a/b", max_mb=1).cut


class DatasetNotFoundError(Exception):
    pass


@pytest.mark.parametrize(
    ("error", "key"),
    [
        (ConnectionError("no route"), "data.no_network"),
        (DatasetNotFoundError("nope"), "data.hub_unknown"),
        (ValueError("Config name is missing. Please pick one among: ['a', 'b']"), "data.hub_config"),
        (RuntimeError("odd"), "data.hub_failed"),
    ],
)
def test_errors_of_the_hub_are_worded(monkeypatch, error, key):
    def fail(*_):
        raise error

    monkeypatch.setattr(hub_datasets, "_open", fail)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    with pytest.raises(AfinaError) as caught:
        load("a/b")
    assert caught.value.key == key and "a/b" in str(caught.value)
