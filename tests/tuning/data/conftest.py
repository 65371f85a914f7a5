"""Real, tiny tokenizers: a byte-level BPE made on the spot, with and without template, and stories260K."""

from __future__ import annotations

import pytest

from tests import ROOT

STORIES = ROOT.parent / "shared" / "models" / "stories260K"
CHATML = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def byte_level():
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=["<|end|>", "<|pad|>", "<|im_start|>", "<|im_end|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    text = "User: What is the capital of France?\nAssistant: The capital of France is Paris.\n"
    made.train_from_iterator([text] * 20, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=made, bos_token="<|end|>", eos_token="<|end|>", pad_token="<|pad|>")


@pytest.fixture
def plain():
    """No chat template of its own."""
    return byte_level()


@pytest.fixture
def chatml():
    tokenizer = byte_level()
    tokenizer.chat_template = CHATML
    return tokenizer


@pytest.fixture
def stories():
    """SentencePiece-like: writes a space before every text."""
    if not STORIES.is_dir():
        pytest.skip("no ../shared/models/stories260K")
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(STORIES)
