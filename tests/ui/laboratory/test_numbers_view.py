"""The numbers on the page are the calculator's, in both languages, and nothing is left unworded."""

import re

import pytest

from common.number_format import number, size
from tuning.config import memory_math
from tuning.experiments.method_comparison import Compared
from tuning.inference.latency import Latency
from ui.laboratory import numbers_view
from ui.train import methods_panel

GPT3 = (175, 96, 12288, 8, "mixed", 1, 2048, True)


@pytest.mark.parametrize("language", ["en", "es"])
def test_the_course_s_numbers_stand_on_the_page(language):
    shown = numbers_view.memory(GPT3, language)
    bytes_ = [size(n, language) for n in (350e9, 87.5e9, 2.8e12, 151e6)]
    for expected in (*bytes_, number(196_608, language), number(0.0013, language, ".2%"), number(75_497_472, language)):
        assert expected in shown, expected
    half = numbers_view.memory((175, 96, 12288, 8, "half", 1, 2048, True), language)
    assert size(1.4e12, language) in half
    corpus = numbers_view.corpus(30_000, 4, 70, language)
    assert size(120e12, language) in corpus and "109" in corpus
    assert not re.search(r"numbers\.\w+", shown)


def test_no_two_figures_of_the_page_contradict_each_other():
    """The bar of QLoRA holds more than 4 bits a weight; the text beside it says what the rest is."""
    shown = numbers_view.memory((175, 96, 12288, 8, "mixed", 1, 2048, True), "en")
    nf4, held, adapter = (size(n, "en") for n in (87.5e9, 90.4e9, 151e6))
    assert f"{nf4} ({held} with" in shown and f"{held} + {adapter}" in shown
    assert "1,26 × 10²⁵" in numbers_view.corpus(30_000, 4, 70, "es")


def test_a_known_model_keeps_its_own_heads():
    """5 a s / h of a layer's activations: GPT-2's heads are 64 wide, not 128."""
    gpt2 = next(shape for shape in memory_math.SHAPES if shape.name == "GPT-2")
    shown = numbers_view.memory((0.124439808, 12, 768, 8, "mixed", 1, 1024, False), "en")
    assert size(memory_math.activations(gpt2, 1, 1024, recompute=False), "en") in shown


def test_an_emptied_box_shows_nothing():
    assert numbers_view.memory((None, 96, 12288, 8, "mixed", 1, 2048, True), "en") == ""
    assert numbers_view.corpus(0, 4, 70, "en") == ""


def test_the_formula_follows_rank_alpha_and_method():
    shapes = [(256, 256)] * 4 + [(768, 256)]
    shown = numbers_view.formula(shapes, 8, 0, "lora", "en")
    assert "+ 2 · B A x" in shown and "4,096" in shown and "6.25%" in shown
    assert f"{8 * (4 * 512 + 1024):,}" in shown
    spanish = numbers_view.formula(shapes, 8, 16, "rslora", "es")
    assert "+ 5,66 · B A x" in spanish and "4\u202f096" in spanish and "6,25\u00a0%" in spanish
    assert "768 × 256" in spanish and "4,096" not in spanish
    assert "other" not in shown and numbers_view.formula(shapes, 8, 0, "ia3", "en") != shown
    assert "<table" not in numbers_view.formula([], 8, 0, "lora", "es")


def test_what_cannot_be_merged_is_said():
    told = Latency("mine", "prompt", "CPU", 32, 10.0, 12.0, None)
    assert "1.20×" in numbers_view.latency(told, "en") and "–" in numbers_view.latency(told, "es")
    assert "1,20×" in numbers_view.latency(told, "es")


def test_a_processor_is_named_in_the_language_of_the_page():
    told = Latency("mine", "lora", "CPU, 2 cores", 32, 10.0, 12.0, 10.0)
    assert "CPU, 2 núcleos" in numbers_view.latency(told, "es") and "CPU, 2 cores" in numbers_view.latency(told, "en")


def test_only_adapters_of_models_that_write_are_offered_for_timing():
    from types import SimpleNamespace

    from ui.laboratory.numbers_tab import _timed

    runs = [
        SimpleNamespace(name=name, method=method, downloadable=True, config={"peft": peft})
        for name, method, peft in (("a", "sft", "lora"), ("b", "classify", "lora"), ("c", "sft", "full"))
    ]
    services = SimpleNamespace(
        roles=SimpleNamespace(actor=lambda headers, user="": "anybody"),
        training=SimpleNamespace(runs=lambda who: runs),
    )
    assert _timed(services, SimpleNamespace(headers={})) == ["a"]


def test_measuring_without_a_run_says_so(tmp_path):
    import gradio as gr

    from common.settings import Settings
    from ui.laboratory.numbers_tab import build_numbers_tab
    from workbench.services import build

    services = build(Settings(home=tmp_path))
    with gr.Blocks() as page:
        build_numbers_tab(services)
    timed = next(each.fn for each in page.fns.values() if each.fn and each.fn.__qualname__.endswith("<locals>.timed"))
    with pytest.raises(gr.Error, match="No run is chosen"):
        timed(None, gr.Request(headers={}, session_hash="s"))
    services.stop()


def line(method: str, after: float | None, state: str = "done") -> Compared:
    return Compared("id", f"a {method}", method, method, state, 1000, 10_000, 1e-3, 4000, 10**9, 61, 1.2, after)


def test_the_table_marks_the_lowest_loss_and_the_figure_leaves_out_what_is_not_measured():
    lines = [line("lora", 0.5), line("ia3", 0.4), line("full", None, "queued")]
    shown = methods_panel.table_of(lines, "en")
    assert "<b>0.400</b>" in shown and "<b>0.500</b>" not in shown and "10.00%" in shown
    made = methods_panel.figure(lines, "es")
    assert [(trace.text[0], trace.name) for trace in made.data] == [("1", "lora"), ("2", "ia3")]
    # Names would lie over each other on a phone: a dot has its number, which stands in the table.
    assert all(trace.textposition == "middle center" for trace in made.data)
    assert re.search(r"<b>1</b>\s*lora", shown) and re.search(r"<b>2</b>\s*ia3", shown)


def test_what_tells_methods_apart_stands_first_in_a_narrow_table():
    shown = methods_panel.table_of([line("lora", 0.5), line("ia3", None, "running")], "en")
    assert shown.index("Validation loss") < shown.index("Trained") < shown.index("State")
    assert "1.200 → <b>0.500</b>" in shown and "1.200 → –" in shown


def test_an_empty_figure_is_none():
    assert methods_panel.figure([line("full", None, "queued")], "en") is None
