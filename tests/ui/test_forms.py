"""The form is made from the config: every knob has words and a fitting component, and what it holds comes back."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, fields
from typing import Literal

import gradio as gr
import pytest

from tests import ROOT
from tuning.config.training import PRESETS, SFTConfig
from ui import forms
from ui.translations import texts

LOCALES = ROOT / "ui" / "locales"


@dataclass(frozen=True)
class Sample:
    rank: int = field(default=8, metadata={"min": 1, "max": 64, "group": "basic", "unit": "directions"})
    learning_rate: float = field(default=1e-3, metadata={"group": "basic"})
    peft: Literal["a", "b"] = "a"
    batch_size: int = field(default=4, metadata={"choices": (2, 4, 8)})
    reply_only: bool = True
    packing: bool | None = None
    dtype: str = ""


KNOBS = forms.fields_of(Sample)


def test_kinds_follow_types_and_choices():
    kinds = {knob.name: knob.kind for knob in KNOBS}
    assert kinds == {
        "rank": "integer",
        "learning_rate": "number",
        "peft": "choice",
        "batch_size": "choice",
        "reply_only": "switch",
        "packing": "auto_switch",
        "dtype": "text",
    }
    assert [knob.name for knob in forms.fields_of(Sample, group="basic")] == ["rank", "learning_rate"]
    assert (KNOBS[0].minimum, KNOBS[0].maximum, KNOBS[0].unit) == (1, 64, "directions")
    assert KNOBS[2].choices == ("a", "b")


def test_components_fit_their_field():
    made = {knob.name: forms.component(knob, "train.field") for knob in KNOBS}
    expected = [gr.Number, gr.Number, gr.Dropdown, gr.Dropdown, gr.Checkbox, gr.Dropdown, gr.Textbox]
    assert [type(component) for component in made.values()] == expected
    assert (made["rank"].precision, made["rank"].minimum, made["rank"].maximum) == (0, 1, 64)
    assert [value for _, value in made["batch_size"].choices] == [2, 4, 8]
    assert made["packing"].value == "auto"


def test_what_the_form_holds_comes_back_as_settings():
    values = {
        "rank": 16.0,
        "learning_rate": 2,
        "peft": "b",
        "batch_size": 8,
        "reply_only": False,
        "packing": "true",
        "dtype": "",
    }
    got = forms.settings(KNOBS, values)
    assert got == {
        "rank": 16,
        "learning_rate": 2.0,
        "peft": "b",
        "batch_size": 8,
        "reply_only": False,
        "packing": True,
    }
    assert type(got["rank"]) is int and type(got["learning_rate"]) is float
    assert forms.settings(KNOBS, {"rank": None, "packing": "auto"}) == {"packing": None}


@pytest.mark.parametrize("preset", PRESETS)
def test_an_untouched_form_gives_the_preset(preset):
    config = SFTConfig.from_settings({"preset": preset})
    values = {knob.name: getattr(config, knob.name) for knob in forms.fields_of(SFTConfig)}
    words = {True: "true", False: "false", None: "auto"}
    held = {
        knob.name: words[values[knob.name]] if knob.kind == "auto_switch" else values[knob.name]
        for knob in forms.fields_of(SFTConfig)
    }
    assert SFTConfig.from_settings(forms.settings(forms.fields_of(SFTConfig), held)) == config


@pytest.mark.parametrize("language", ["en", "es"])
def test_every_knob_has_words(language):
    words = texts(language)
    for knob in fields(SFTConfig):
        if knob.name != "source_model":
            assert words.get(f"train.field.{knob.name}"), knob.name
            assert words.get(f"train.field.{knob.name}.info"), knob.name


def test_both_languages_have_the_same_keys_and_slots():
    import re

    one, other = (json.loads((LOCALES / name / "train.json").read_text("utf-8")) for name in ("en", "es"))
    assert one.keys() == other.keys()
    for key in one:
        assert sorted(re.findall(r"{\w+}", one[key])) == sorted(re.findall(r"{\w+}", other[key])), key
