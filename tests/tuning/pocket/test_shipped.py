"""What is shipped of the embedded model: sets that the tree rebuilds, weights, card, and what they can do."""

import json
import math

import pytest

from tuning.models import loader, model_info, references
from tuning.pocket.instructions import SET_NAMES, write
from tuning.pocket.world.facts import LANGUAGES
from tuning.pocket.world.shipped import EXAMPLES, SETS
from tuning.runs import resolver


def test_the_sets_in_the_tree_are_what_the_script_writes(tmp_path):
    write(tmp_path)
    written = sorted(path.name for path in tmp_path.iterdir())
    assert written == sorted(path.name for path in SETS.iterdir())
    for name in written:
        assert (tmp_path / name).read_bytes() == (SETS / name).read_bytes(), name


def test_every_set_there_is_in_both_languages():
    for language in LANGUAGES:
        for name in (*SET_NAMES, "reading", "prompts", "questions", "withheld"):
            rows = [json.loads(line) for line in (SETS / f"{name}.{language}.jsonl").open(encoding="utf-8")]
            assert rows
    assert set(json.loads(EXAMPLES.read_text(encoding="utf-8"))) == set(LANGUAGES)


def test_weights_are_small_safetensors_with_a_card_of_their_own():
    weights = references.POCKET_PATH / "model.safetensors"
    assert weights.stat().st_size <= 14 * 2**20
    info = model_info.describe(resolver.resolve("pocket").base)
    assert 5.5e6 < info.parameters < 6.5e6
    facts = json.loads((references.POCKET_PATH / "pretraining.json").read_text(encoding="utf-8"))
    card = (references.POCKET_PATH / "README.md").read_text(encoding="utf-8")
    assert f"{facts['tokens']:,}" in card
    assert info.license == "apache-2.0"


def test_heldout_perplexity_is_what_the_card_says():
    """Measured again on some of the held-out documents: they are there, and the card is not made up."""
    from tuning.pocket.pretrain import SHORT, pack, perplexity
    from tuning.pocket.world.corpus import heldout_documents

    base = resolver.resolve("pocket").base
    model, tokenizer = loader.load_model(base), loader.load_tokenizer(base)
    told = json.loads((references.POCKET_PATH / "pretraining.json").read_text(encoding="utf-8"))["perplexity"]
    for language in LANGUAGES:
        row = pack(tokenizer, heldout_documents(language, 60, set()))
        assert len(row) > 8 * SHORT
        assert math.isclose(perplexity(model, row, batch=2), told[language], rel_tol=0.25)


@pytest.mark.slow
@pytest.mark.parametrize("language", LANGUAGES)
def test_base_knows_without_manners_and_tuning_gives_it_manners(language, tmp_path):
    from tuning.pocket.check import check

    figures = check(language, tmp_path)
    assert figures["n"] >= 200
    assert figures["base_clean"] <= 0.25
    assert figures["tuned_clean"] >= 0.9, figures["wrong"]
    assert figures["registers_mean"] >= 3
