"""What the tests of the page share."""

import pytest

from tests.ui.serving import Page


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """The whole page, served, with an open round of six comparisons."""
    made = Page(tmp_path_factory.mktemp("home"))
    yield made
    made.close()
