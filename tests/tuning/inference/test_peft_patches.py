"""One pass for rows of several LoRAs says what PEFT's own way says; a row without one is exactly the base's."""

import inspect
import warnings

import pytest

torch = pytest.importorskip("torch")
from peft import LoraConfig, get_peft_model  # noqa: E402
from peft.tuners.lora.layer import Linear  # noqa: E402
from transformers import AutoModelForCausalLM  # noqa: E402

from tuning.inference.peft_patches import BASE, rows_of  # noqa: E402

NAMES = [BASE, "first", "second", BASE, "first"]


@pytest.fixture
def model(tiny_model):
    torch.manual_seed(0)
    base = AutoModelForCausalLM.from_pretrained(str(tiny_model), dtype="float32")
    tuned = get_peft_model(base, LoraConfig(r=4, lora_alpha=8, target_modules="all-linear"), "first")
    tuned.add_adapter("second", LoraConfig(r=7, use_rslora=True, target_modules=["q_proj", "down_proj"]))
    for key, weight in tuned.named_parameters():
        if "lora_B" in key:
            torch.nn.init.normal_(weight, std=0.3)
    return tuned.eval()


def logits(model, names, ids):
    with torch.inference_mode(), rows_of(model, names) as rest:
        return model(input_ids=ids, **rest).logits


def test_each_row_is_what_peft_makes_of_it(model):
    ids = torch.randint(5, 50, (len(NAMES), 9))
    with torch.inference_mode():
        expected = model(input_ids=ids, adapter_names=NAMES).logits
    torch.testing.assert_close(logits(model, NAMES, ids), expected, rtol=1e-4, atol=1e-5)


def test_a_base_row_is_the_base_to_the_bit_and_nothing_stays_behind(model):
    ids = torch.randint(5, 50, (1, 9)).repeat(len(NAMES), 1)
    mixed = logits(model, NAMES, ids)
    with torch.inference_mode(), model.disable_adapter():
        base = model(input_ids=ids).logits
    assert torch.equal(mixed[0], base[0])
    assert torch.equal(mixed[3], base[3])
    assert not torch.allclose(mixed[1], base[1])
    assert all("forward" not in module.__dict__ for module in model.modules() if hasattr(module, "lora_A"))


def test_a_layer_it_does_not_know_is_left_to_peft(tiny_model):
    base = AutoModelForCausalLM.from_pretrained(str(tiny_model), dtype="float32")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that the embedding is tied to the head
        tuned = get_peft_model(base, LoraConfig(r=4, target_modules=["q_proj", "embed_tokens"]), "first")
    with rows_of(tuned, [BASE, "first"]) as rest:
        assert rest == {"adapter_names": [BASE, "first"]}


def test_pefts_layers_are_what_the_pass_computes(model):
    """Its parts by name; and PEFT still goes through the adapters of a batch one by one, which is what costs."""
    layer = next(module for module in model.modules() if isinstance(module, Linear))
    assert layer.lora_A["first"].weight.shape[0] == 4 and layer.scaling["first"] == 2
    assert not layer.lora_variant and layer.base_layer is not layer
    assert "for i, active_adapter in enumerate(unique_adapters)" in inspect.getsource(Linear._mixed_batch_forward)
