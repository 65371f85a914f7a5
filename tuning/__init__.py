"""Learning: data in, adapters out.

    job = tuning.sft.train(source_model="pocket", train_dataset="pairs.jsonl", tuned_model_display_name="mine")
    job.wait()
    tuning.GenerativeModel("mine").generate_content("Hello").text

Importing this loads no torch, transformers, trl, peft or datasets: the names below are loaded when first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tuning.api import classify as classify
    from tuning.api import sft as sft
    from tuning.api.job import GenerativeModel as GenerativeModel
    from tuning.api.job import Job as Job

from tuning.models import import_patches as _patches
from tuning.models import lazy_imports as _libraries

_patches.install(_libraries.transformers)

__all__ = ["GenerativeModel", "Job", "classify", "sft"]  # and each method of `tuning.config.training_methods`


def __getattr__(name: str) -> Any:
    if name in ("classify", "sft"):  # these take more than the others
        return import_module(f"tuning.api.{name}")
    if name in ("GenerativeModel", "Job"):
        return getattr(import_module("tuning.api.job"), name)
    if not name.startswith("_") and name in import_module("tuning.config.training_methods").METHODS:
        return import_module("tuning.api.facade").Facade(name)
    raise AttributeError(f"module 'tuning' has no attribute {name!r}")
