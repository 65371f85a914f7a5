"""Knobs: parsed from texts, checked, described; presets; and what the zeros become."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest

from common.errors import AfinaError, messages
from common.languages import LANGUAGES
from tuning.config.planner import Facts, make, threads_for
from tuning.config.training import PRESETS, SFTConfig

FACTS = Facts(
    parameters=6_000_000,
    trainable=400_000,
    layers=6,
    hidden=256,
    context=512,
    n_train=48,
    lengths=(30, 40, 50),
)


def test_settings_as_texts_become_values():
    config = SFTConfig.from_settings(
        {"rank": "8", "learning_rate": "1e-3", "packing": "auto", "reply_only": "false", "epochs": "2"}
    )
    assert (config.rank, config.learning_rate, config.packing, config.reply_only) == (8, 1e-3, None, False)
    assert config.epochs == 2.0
    assert SFTConfig.from_settings({"batch_size": "auto", "gradient_checkpointing": "true"}).gradient_checkpointing
    assert SFTConfig(**config.to_dict()) == config


@pytest.mark.parametrize(
    ("settings", "key"),
    [
        ({"rank": "0"}, "config.range"),
        ({"learning_rate": "nan"}, "config.range"),
        ({"rank": "8.5"}, "config.kind"),
        ({"epochs": "many"}, "config.kind"),
        ({"rank": "inf"}, "config.kind"),
        ({"reply_only": "perhaps"}, "config.kind"),
        ({"peft": "magic"}, "config.choice"),
        ({"ranks": "8"}, "config.unknown"),
        ({"preset": "extreme"}, "config.preset"),
        ({"source_model": " "}, "config.empty"),
    ],
)
def test_a_bad_setting_is_named_with_its_value(settings, key):
    with pytest.raises(AfinaError) as raised:
        SFTConfig.from_settings(settings)
    assert raised.value.key == key
    name, value = next(iter(settings.items()))
    assert name in str(raised.value) or value in str(raised.value)


def test_a_preset_lies_under_what_is_set():
    assert SFTConfig.from_settings({"preset": "quick"}).rank == PRESETS["quick"]["rank"]
    assert SFTConfig.from_settings({"preset": "quick", "rank": "64"}).rank == 64


def test_every_knob_says_what_it_is_and_has_its_limits():
    for field in fields(SFTConfig):
        assert field.metadata["help"] and field.metadata["group"] in ("method", "basic", "advanced"), field.name
        if field.type in ("int", "float"):
            assert field.metadata["min"] is not None and field.metadata["max"] is not None, field.name


def test_every_text_of_the_engine_exists_in_both_languages_with_the_same_slots():
    import string

    slots = lambda text: {name for _, name, _, _ in string.Formatter().parse(text) if name}  # noqa: E731
    english, spanish = (messages(language) for language in LANGUAGES)
    prefixes = ("config.", "runs.", "jobs.", "engine.", "note.", "evaluate.", "state.")
    keys = [key for key in english if key.startswith(prefixes)]
    assert len(keys) > 30
    for key in keys:
        assert slots(english[key]) == slots(spanish[key]), key


@pytest.mark.parametrize("n_train", [1, 10, 48, 320, 4_000, 48_000])
def test_defaults_suit_small_data_and_large(n_train):
    plan = make(SFTConfig(), replace(FACTS, n_train=n_train))
    assert 100 <= plan.steps <= 600, "enough steps to learn, never hours"
    assert 1 <= plan.batch_size <= min(32, n_train)
    assert plan.max_length <= FACTS.context
    assert plan.steps % plan.eval_every < plan.eval_every <= plan.steps
    if n_train == 48_000:
        assert plan.epochs <= 1 and plan.batch_size == 32


def test_asked_epochs_are_kept_exactly():
    plan = make(SFTConfig(epochs=3, batch_size=10), replace(FACTS, n_train=95))
    assert plan.steps == 30 and plan.epochs == 3


def test_too_little_memory_recomputes_first_and_then_cuts_batches():
    large = replace(FACTS, parameters=600_000_000, layers=28, hidden=1024, lengths=(400, 500), n_train=4000)
    roomy = make(SFTConfig(), replace(large, free_memory=200 * 2**30))
    tight = make(SFTConfig(), replace(large, free_memory=5 * 2**30))
    tighter = make(SFTConfig(), replace(large, free_memory=4 * 2**30))
    assert not roomy.gradient_checkpointing and roomy.gradient_accumulation == 1
    assert tight.gradient_checkpointing and tight.memory_bytes < roomy.memory_bytes
    assert tighter.gradient_accumulation > 1 and tighter.batch_size == roomy.batch_size


def test_small_models_leave_a_core_to_page_and_chat():
    assert [threads_for(6_000_000, cores) for cores in (1, 2, 4, 64)] == [1, 1, 3, 4]
    assert threads_for(600_000_000, 8) == 8


def test_packing_is_for_much_data_of_uneven_length():
    uneven = replace(FACTS, n_train=5000, lengths=(20,) * 50 + (500,))
    assert make(SFTConfig(), uneven).packing
    assert not make(SFTConfig(), replace(uneven, n_train=100)).packing
    assert not make(SFTConfig(packing=False), uneven).packing
