"""What people write as Markdown loads nothing from elsewhere on others' screens."""

import pytest

from ui.components.safe_markdown import harmless

PICTURE = "![a](data:image/png;base64,iVBORw0KGgo=)"


@pytest.mark.parametrize(
    "text",
    [
        "![a](https://elsewhere.example/x.png)",
        "![a][b]\n\n[b]: https://elsewhere.example/x.png",
        "![](//e.example/x)",
        "[![a](http://e.example/x)](http://e.example)",
        "![![a](http://e.example/x)](data:image/png;base64,AA==)",
        "\\![a](http://e.example/x)",
        "\\\\![a](http://e.example/x)",
        "!!\n![a](http://e.example/x)",
        '<img src="http://e.example/x">',
        "<video poster=http://e.example/x>",
        '<div style="background:url(//e.example/x)">',
        "![a](data:image/svg+xml;base64,AA==)",
        "![a](data:image/png;base64,AA==?http://e.example)",
        "![data:image/png;base64,AA==](http://e.example/x)",
        "![a](<http://e.example/x>)",
        "![a\n](http://e.example/x)",
    ],
)
def test_no_picture_of_elsewhere_is_loaded(text):
    from markdown_it import MarkdownIt

    made = MarkdownIt("commonmark", {"html": True}).render(harmless(text))
    assert "<img" not in made and "<video" not in made and "<div" not in made, made


def test_the_rest_stays():
    from markdown_it import MarkdownIt

    text = f"# Title!\n\n- **one** [link](https://a.example)\n- 1 < 2\n\n{PICTURE}"
    made = MarkdownIt("commonmark", {"html": True}).render(harmless(text))
    assert "<h1>Title!</h1>" in made and '<a href="https://a.example">' in made and "1 &lt; 2" in made
    assert '<img src="data:image/png;base64,iVBORw0KGgo="' in made
