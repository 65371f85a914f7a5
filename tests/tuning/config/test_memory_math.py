"""The numbers that the course quotes come out of the formulas that it quotes."""

import pytest

from common.errors import AfinaError
from tuning.config import memory_math as calc

GPT3 = calc.SHAPES[0]


def test_weights_of_gpt3_are_350_gb_and_full_training_takes_1_4_or_2_8_tb():
    half = calc.memory(GPT3, "full", precision="half", batch=1, length=1)
    mixed = calc.memory(GPT3, "full", precision="mixed", batch=1, length=1)
    assert half.weights == mixed.weights == 350e9
    assert half.total - half.activations == pytest.approx(1.4e12)
    assert mixed.total - mixed.activations == pytest.approx(2.8e12)
    assert sum(calc.TRAINED["mixed"].values()) == 16


def test_one_matrix_of_gpt3_at_rank_8():
    told = calc.ranked([(12288, 12288)], 8)
    assert told.trained == 196_608 and told.whole == 150_994_944
    assert round(100 * told.share, 2) == 0.13


def test_qlora_of_gpt3():
    plain = calc.memory(GPT3, "qlora", rank=8, double_quantisation=False)
    assert plain.trained == 75_497_472 and 2 * plain.trained == pytest.approx(151e6, rel=1e-3)
    assert plain.weights - 2 * plain.trained == 87.5e9
    constants = calc.memory(GPT3, "qlora", rank=8).weights - plain.weights
    assert constants == pytest.approx(175e9 * 0.127 / 8)


def test_lora_needs_no_gradient_of_what_is_frozen():
    lora, full = (calc.memory(GPT3, method, rank=8) for method in ("lora", "full"))
    assert lora.weights == 350e9 + 2 * 75_497_472
    assert lora.gradients + lora.optimiser == 14 * 75_497_472 < 0.001 * (full.gradients + full.optimiser)
    assert lora.activations == full.activations


def test_thirty_trillion_tokens_are_about_109_tb():
    told = calc.corpus(30e12)
    assert told.n_bytes == 120e12 and round(told.n_bytes / calc.TIB) == 109
    assert told.words == 22.5e12 and told.books == 250e6


def test_computation_is_6_n_d():
    gpt3 = calc.corpus(300e9, 175e9)  # Brown et al. 2020, table D.1: 3.14e23
    assert gpt3.flops == pytest.approx(3.14e23, rel=0.01)
    assert gpt3.gpu_days == pytest.approx(gpt3.flops / 400e12 / 86400)
    assert calc.chinchilla_tokens(70e9) == 1.4e12


def test_activations_follow_the_paper():
    # Korthikanti et al. 2022: GPT-3, s = 2048, b = 1, a layer: s b h (34 + 5 a s / h) = 2.86 GB
    assert calc.activations(GPT3, 1, 2048, recompute=False) / 96 == pytest.approx(2048 * 12288 * (34 + 80))
    assert calc.activations(GPT3, 1, 2048) == 2 * 2048 * 12288 * 96
    assert calc.activations(GPT3, 4, 2048) == 4 * calc.activations(GPT3, 1, 2048)


@pytest.mark.parametrize(
    ("arguments", "word"),
    [((GPT3, "magic"), "magic"), ((GPT3, "lora", 8, "eighth"), "eighth")],
)
def test_a_wrong_choice_is_named(arguments, word):
    with pytest.raises(AfinaError) as raised:
        calc.memory(*arguments)
    assert word in raised.value.words("en")


def test_no_tokens_are_refused():
    with pytest.raises(AfinaError):
        calc.corpus(0)


@pytest.mark.parametrize("wrong", [{"rank": 0}, {"batch": -1}, {"length": float("nan")}])
def test_sizes_that_are_none_are_refused(wrong):
    with pytest.raises(AfinaError) as caught:
        calc.memory(calc.SHAPES[0], "lora", **wrong)
    assert caught.value.key == "config.range" and caught.value.params["name"] == next(iter(wrong))
    with pytest.raises(AfinaError, match="parameters"):
        calc.memory(calc.square("", -3, 96, 12288, 96), "full")
