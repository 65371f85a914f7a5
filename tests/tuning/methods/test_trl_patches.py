"""What our trainers replace in TRL's is there, is called with the same arguments, and does without us what we say."""

from __future__ import annotations

import inspect
import json
from unittest.mock import Mock

import pytest

torch = pytest.importorskip("torch")
from trl import DPOTrainer, KTOTrainer, RewardTrainer, RLOOTrainer, SFTTrainer  # noqa: E402

from tests.tuning.methods.test_kto_and_rloo import kto  # noqa: E402, F401
from tests.tuning.methods.test_preference_data import trainer  # noqa: E402, F401
from tuning.classification.train import ClassifierTrainer  # noqa: E402
from tuning.methods.dpo import PolicyTrainer  # noqa: E402
from tuning.methods.kto import RatedTrainer  # noqa: E402
from tuning.methods.reward import PairTrainer  # noqa: E402
from tuning.methods.scored_reward import ScoreTrainer  # noqa: E402
from tuning.methods.sft_trainer import AdapterTrainer  # noqa: E402
from tuning.rewards.rloo import GradientTrainer  # noqa: E402

FILES = {"_save", "create_model_card"}
REPLACED = {
    AdapterTrainer: {"_get_train_sampler", "_load_from_checkpoint", "compute_loss", *FILES},
    PolicyTrainer: {"_prepare_dataset", "_precompute_ref_logps", *FILES},
    RatedTrainer: {"_prepare_dataset", "_precompute_ref_logps", *FILES},
    PairTrainer: {"_prepare_dataset", "compute_loss", "create_optimizer", *FILES},
    ScoreTrainer: {"_prepare_dataset", "compute_loss", "create_optimizer", *FILES},
    GradientTrainer: {"_generate", "_get_train_sampler", *FILES},
    ClassifierTrainer: {"_get_train_sampler", "_save", "compute_loss"},
}


def upstream(kind):
    """The nearest class that is not ours."""
    return next(base for base in kind.__mro__ if not base.__module__.startswith("tuning."))


@pytest.mark.parametrize("kind", REPLACED, ids=lambda kind: kind.__name__)
def test_what_is_replaced_is_there_and_called(kind):
    """Also: no method of ours has come to bear the name of a new one of theirs."""
    ours = {name for base in kind.__mro__ if base.__module__.startswith("tuning.") for name in vars(base)}
    theirs = upstream(kind)
    replaced = {name for name in ours if callable(getattr(theirs, name, None)) and not name.startswith("__")}
    assert replaced == REPLACED[kind]
    sources = [inspect.getsource(base) for base in theirs.__mro__ if base is not object]
    for name in replaced:
        assert any(f"self.{name}" in source for source in sources), name


@pytest.mark.parametrize("kind", REPLACED, ids=lambda kind: kind.__name__)
def test_the_arguments_are_the_same(kind):
    for name in REPLACED[kind]:
        mine, theirs = (inspect.signature(getattr(base, name)).parameters for base in (kind, upstream(kind)))
        if not any(each.kind is each.VAR_KEYWORD for each in mine.values()):
            assert len(mine) == len(theirs), name


@pytest.mark.parametrize("kind", [SFTTrainer, RewardTrainer, RLOOTrainer])
def test_what_they_count_is_where_we_add_to_it(kind):
    source = inspect.getsource(kind.__init__)
    assert 'self._metrics = {"train": defaultdict(list)' in source
    assert kind is RLOOTrainer or "self._total_train_tokens = 0" in source


def test_without_us_a_card_of_trls_is_written(trainer, tmp_path):  # noqa: F811
    made, *_ = trainer()
    made.create_model_card()
    assert not list(tmp_path.rglob("README.md"))
    (tmp_path / "c").mkdir(exist_ok=True)
    DPOTrainer.create_model_card(made)
    assert (tmp_path / "c" / "README.md").is_file()


def test_without_us_a_checkpoint_names_the_bases_path(trainer, tmp_path, tiny_model):  # noqa: F811
    made, *_ = trainer()
    for save, path in ((DPOTrainer._save, True), (type(made)._save, False)):
        save(made, str(tmp_path / str(path)))
        config = json.loads((tmp_path / str(path) / "adapter_config.json").read_text())
        assert (str(tiny_model) == config["base_model_name_or_path"]) is path


def test_without_us_rows_of_tokens_are_not_taken(trainer, kto):  # noqa: F811
    for made, theirs in ((trainer()[0], DPOTrainer), (kto()[0], KTOTrainer)):
        with pytest.raises(KeyError):
            theirs._prepare_dataset(made, made.train_dataset, made.processing_class, made.args, "train")


def test_without_us_the_references_log_probabilities_are_computed_again(trainer, kto, monkeypatch):  # noqa: F811
    for made, theirs in ((trainer()[0], DPOTrainer), (kto()[0], KTOTrainer)):
        computed = Mock(wraps=made.compute_ref_log_probs)
        monkeypatch.setattr(made, "compute_ref_log_probs", computed)
        with pytest.raises(ValueError, match="ref_"):  # the columns are there
            theirs._precompute_ref_logps(made, made.train_dataset, "train", 2)
        assert computed.call_count
