"""The documented export call, through the client that the README uses, against a real server."""

import json

import pytest
from gradio_client import Client

from tests.ui.edge.test_blind_names import vote
from tests.ui.serving import TOKEN, Page


@pytest.fixture
def page(tmp_path):
    made = Page(tmp_path)
    yield made
    made.demo.close()
    made.services.labels.close()


@pytest.mark.slow
def test_an_export_is_told_where_it_can_be_had_with_the_same_header(page):
    bearer = f"Bearer {TOKEN}"
    vote(page, page.join())
    client = Client(f"http://127.0.0.1:{page.port}", headers={"Authorization": bearer}, verbose=False)
    told = client.predict("one", {"format": "trl"}, api_name="/export_preferences")
    assert told["n"] >= 1
    assert told["address"] == f"http://127.0.0.1:{page.port}{told['url']}"
    status, body = page.ask("GET", told["url"], authorization=bearer)
    assert status == 200
    assert len([json.loads(line) for line in body.decode().splitlines()]) == told["n"]
    assert page.ask("GET", told["url"])[0] == 403
