"""Few-shot and retrieval: what is sent, what is found, what is measured."""

from __future__ import annotations

import pytest

from common.errors import AfinaError
from tuning.evaluation import alternatives, few_shot, retrieval
from tuning.evaluation.alternatives import Example, Question

TALK = [{"role": "system", "content": "Be short."}, {"role": "user", "content": "Who has a duck?"}]


@pytest.mark.parametrize("language", ["en", "es"])
def test_the_shipped_documents_answer_every_withheld_question(language):
    from tuning.pocket.world.answer_check import names

    index = retrieval.load(retrieval.shipped(language))
    for question in few_shot.questions(language):
        (best,) = index.search(question.prompt, 1)
        assert any(names(best.text, answer) for answer in question.answers), question


def test_the_shipped_documents_are_what_the_generator_writes():
    from tuning.evaluation.village_documents import text

    for language in ("en", "es"):
        (path,) = retrieval.shipped(language)
        assert path.read_text(encoding="utf-8") == text(language)


def test_examples_stand_before_the_question_and_behind_the_system_message():
    sent = alternatives.with_examples(TALK, [Example("a?", "b.")])
    assert [turn["role"] for turn in sent] == ["system", "user", "assistant", "user"]
    assert sent[-1] == TALK[-1] and sent[1]["content"] == "a?"


def test_passages_stand_before_the_last_question_and_strangers_are_left_out():
    index = retrieval.Documents(retrieval.split("Nico has a duck.\n\nThe sea is wide.", "notes"))
    sent, found = alternatives.altered(TALK, "rag", [], index)
    assert sent[-1]["content"] == "Nico has a duck.\nWho has a duck?" and TALK[-1]["content"] == "Who has a duck?"
    assert [passage.source for passage in found] == ["notes"] and found[0].score > 0
    assert index.search("xyzzy") == [] and retrieval.Documents([]).search("duck") == []


def test_accents_do_not_hide_a_passage():
    index = retrieval.Documents(retrieval.split("Él tocó el órgano.\n\nElla come.", "x"))
    assert index.search("quien toco el organo")[0].text == "Él tocó el órgano."


def test_a_name_keeps_its_way():
    for way in alternatives.WAYS:
        assert alternatives.parted(alternatives.named("my run", way)) == ("my run", way)
    assert alternatives.parted("a + b") == ("a + b", "plain")


def pdf(*pages: str) -> bytes:
    """A PDF of one line a page."""
    texts = [f"BT /F1 12 Tf 72 720 Td ({page}) Tj ET" for page in pages]
    kids = " ".join(f"{4 + 2 * n} 0 R" for n in range(len(pages)))
    objects = [
        "<</Type/Catalog/Pages 2 0 R>>",
        f"<</Type/Pages/Kids[{kids}]/Count {len(pages)}>>",
        "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]
    for n, text in enumerate(texts):
        objects.append(
            f"<</Type/Page/Parent 2 0 R/Resources<</Font<</F1 3 0 R>>>>/MediaBox[0 0 612 792]"
            f"/Contents {5 + 2 * n} 0 R>>"
        )
        objects.append(f"<</Length {len(text)}>>stream\n{text}\nendstream")
    body, starts = "%PDF-1.4\n", []
    for number, each in enumerate(objects, 1):
        starts.append(len(body))
        body += f"{number} 0 obj{each}endobj\n"
    table = "".join(f"{start:010d} 00000 n \n" for start in starts)
    last = f"trailer<</Size {len(objects) + 1}/Root 1 0 R>>\nstartxref\n{len(body)}\n%%EOF"
    return f"{body}xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}{last}".encode()


def test_a_pdf_is_searched_by_page(tmp_path):
    (tmp_path / "town.pdf").write_bytes(pdf("Nico has a duck.", "The sea is wide."))
    (found,) = retrieval.load([tmp_path / "town.pdf"]).search("How wide is the sea?", k=1)
    assert (found.source, found.text) == ("town, 2", "The sea is wide.")


def test_files_that_cannot_be_searched_say_why(tmp_path):
    files = {
        "a.docx": (b"PK", "documents.kind"),
        "b.txt": (b"caf\xe9", "documents.encoding"),
        "c.pdf": (b"%PDF", "documents.pdf"),
        "d.pdf": (pdf("", ""), "documents.no_text"),
        "e.pdf": (pdf(*["Nico has a duck."] * 501), "documents.pages"),
    }
    for name, (content, key) in files.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(AfinaError) as caught:
            retrieval.load([tmp_path / name])
        assert caught.value.key == key


def test_drawn_examples_are_training_rows():
    from common.split import split

    found = few_shot.drawn("plain.en")
    assert len(found) == 3
    assert all(split(({"role": "user", "content": each.prompt},)) == "train" for each in found)


def test_each_way_is_measured(tmp_path, tiny_model):
    from tuning.inference.engine import LocalEngine

    asked = [Question("What is 1 plus 2?", ("3",)), Question("Who has a duck?", ("Nico",))]
    index = retrieval.Documents(retrieval.split("Nico has a duck.", "notes"))
    count = few_shot.counter(tmp_path)
    made = alternatives.compare(
        LocalEngine(tmp_path),
        [(str(tiny_model), way) for way in alternatives.WAYS],
        asked,
        [Example("What is 1 plus 1?", "It is 2.")],
        index,
        count,
    )
    assert [each.way for each in made] == ["plain", "few_shot", "rag"]
    assert made[1].prompt_tokens > made[2].prompt_tokens > made[0].prompt_tokens
    assert all(each.milliseconds > 0 and len(each.replies) == 2 for each in made)
    assert alternatives.is_right("Nico does.", asked[1]) and not alternatives.is_right("Nicolas", asked[1])


def test_questions_of_ones_own():
    asked = few_shot.written("Who has a zebra? | Zoltan | Zoli\n\nWhat is wide?|the sea")
    assert asked == [
        Question("Who has a zebra?", ("Zoltan", "Zoli")),
        Question("What is wide?", ("the sea",)),
    ]
    with pytest.raises(AfinaError, match="Line 2"):
        few_shot.written("a? | b\nno answer")
