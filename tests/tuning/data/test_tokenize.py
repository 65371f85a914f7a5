"""Chat template and loss mask: only replies are learned, and generation starts exactly where training did."""

from __future__ import annotations

import pytest

from common.errors import AfinaError
from tuning.data.examples import Row
from tuning.data.tokenize import IGNORED, encode, preview, render_prompt, with_template

TALK = (
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "What is the capital of France?"},
    {"role": "assistant", "content": "Paris, señora."},
    {"role": "user", "content": "And of Spain? Assistant: no"},
    {"role": "assistant", "content": "Madrid."},
)
ROW = Row(messages=TALK, number=1)


@pytest.fixture(params=["plain", "chatml", pytest.param("stories", marks=pytest.mark.real_data)])
def tokenizer(request):
    return request.getfixturevalue(request.param)


def trained_text(tokenizer, encoded):
    return tokenizer.decode([label for label in encoded.labels if label != IGNORED])


def test_only_the_replies_and_their_end_carry_loss(tokenizer):
    encoded = encode(tokenizer, ROW, 0)
    end = "<|im_end|>" if "im_start" in with_template(tokenizer).chat_template else tokenizer.eos_token
    shown = trained_text(tokenizer, encoded).replace(" ", "")
    assert shown == f"Paris,señora.{end}Madrid.{end}"
    assert all(label in (IGNORED, token) for token, label in zip(encoded.input_ids, encoded.labels, strict=True))


@pytest.mark.parametrize("turn", [2, 4])
def test_a_generation_prompt_is_the_beginning_of_what_was_trained(tokenizer, turn):
    encoded = encode(tokenizer, ROW, 0)
    prompt = render_prompt(tokenizer, TALK[:turn])
    assert encoded.input_ids[: len(prompt)] == prompt
    assert encoded.labels[len(prompt) - 1] == IGNORED
    assert encoded.labels[len(prompt)] == encoded.input_ids[len(prompt)]


def test_the_plain_template_leaves_the_space_to_the_reply(plain):
    encoded = encode(plain, ROW, 0)
    first = next(label for label in encoded.labels if label != IGNORED)
    assert plain.decode([first]).startswith(" ")
    assert plain.decode(render_prompt(plain, TALK[:2])).endswith("France?\nAssistant:")


def test_segments_read_as_the_whole_text(tokenizer):
    with_template(tokenizer)
    # One exchange: after a special token SentencePiece-like tokenizers would start the next text with a space.
    turns = TALK[:3] if "▁" in tokenizer.get_vocab() else TALK
    whole = tokenizer.apply_chat_template(list(turns), tokenize=False).rstrip("\n")
    encoded = encode(tokenizer, Row(messages=turns), 0)
    assert encoded.input_ids == tokenizer.encode(whole, add_special_tokens=False)


def test_everything_is_trained_without_reply_only(tokenizer):
    encoded = encode(tokenizer, ROW, 0, reply_only=False)
    assert encoded.labels == encoded.input_ids


def test_a_row_is_cut_at_max_length(tokenizer):
    whole = encode(tokenizer, ROW, 0)
    cut = encode(tokenizer, ROW, 12)
    assert cut.truncated and not whole.truncated
    assert cut.input_ids == whole.input_ids[:12] and len(cut.labels) == 12
    assert not encode(tokenizer, ROW, len(whole.input_ids)).truncated


def test_plain_text_is_trained_whole_up_to_its_end_token(tokenizer):
    encoded = encode(tokenizer, Row(text="Once there was a dog."), 0)
    assert encoded.labels == encoded.input_ids
    assert encoded.input_ids[-1] == tokenizer.eos_token_id
    assert encoded.input_ids[0] == tokenizer.bos_token_id


def test_the_preview_is_what_encode_returns(tokenizer):
    pieces = preview(tokenizer, [ROW, ROW, ROW], 0, n=2)
    assert len(pieces) == 2
    learned = "".join(text for text, trained in pieces[0] if trained)
    assert "señora." in learned and "Madrid." in learned and "France" not in learned
    assert "\ufffd" not in "".join(text for text, _ in pieces[0])
    assert (
        "".join(text for text, _ in pieces[0]).split() == tokenizer.decode(encode(tokenizer, ROW, 0).input_ids).split()
    )


def test_a_reply_that_repeats_the_question_is_found_at_its_own_place(tokenizer):
    row = Row(messages=({"role": "user", "content": "Echo"}, {"role": "assistant", "content": "Echo"}))
    encoded = encode(tokenizer, row, 0)
    prompt = render_prompt(tokenizer, row.messages[:1])
    assert encoded.input_ids[: len(prompt)] == prompt
    assert all(label != IGNORED for label in encoded.labels[len(prompt) :])


def test_a_template_that_rewrites_earlier_turns_still_masks_right(chatml):
    # Like Qwen3: the last reply opens with an (empty) thought, earlier ones do not.
    chatml.chat_template = (
        "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
        "{% if message['role'] == 'assistant' and loop.last %}<think>\n\n</think>\n\n{% endif %}"
        "{{ message['content'] }}<|im_end|>\n{% endfor %}"
        "{% if add_generation_prompt %}<|im_start|>assistant\n<think>\n\n</think>\n\n{% endif %}"
    )
    encoded = encode(chatml, ROW, 0)
    assert trained_text(chatml, encoded) == "Paris, señora.<|im_end|>Madrid.<|im_end|>"


def test_without_a_system_role_its_text_opens_the_users(chatml):
    chatml.chat_template = (
        "{% for message in messages %}{% if message['role'] == 'system' %}{{ raise_exception('no system') }}"
        "{% endif %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
        "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    )
    assert "Be brief.\n\nWhat is the capital" in chatml.decode(encode(chatml, ROW, 0).input_ids)


def test_a_template_that_refuses_says_so(chatml):
    chatml.chat_template = "{{ raise_exception('turns must alternate') }}"
    with pytest.raises(AfinaError, match="turns must alternate"):
        encode(chatml, ROW, 0)


def test_a_template_of_ones_own_is_kept(chatml):
    before = chatml.chat_template
    assert with_template(chatml).chat_template == before
