"""One base model in memory, bare or with adapters attached, and what may share a batch on it.

Knows PEFT; nothing of conversations, sampling or who asks.
"""

from __future__ import annotations

import hashlib
import warnings
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from common.errors import AfinaError
from common.files import read_json
from tuning.data.tokenize import end_token_ids, with_template
from tuning.models import adapter_io, bottleneck, loader, model_info, peft_methods
from tuning.models.references import Base, Policy

SMALL = 20_000_000  # parameters; below it float32, whose batches agree token for token, and one thread
_THREADS = torch.get_num_threads()


class BadAdapter(AfinaError):
    """An adapter that cannot be loaded on its base."""

    adapter: Path | None = None


class LoadedBase:
    """A base model and its tokenizer; at most `max_adapters` adapters stay attached."""

    model: Any

    def __init__(self, base: Base, max_adapters: int) -> None:
        """Raises: AfinaError `family.encoder` for a model that reads and does not write; as `models.load_model`."""
        peft_methods.check_writes(base)
        info, where = model_info.describe(base), loader.device()
        self.base = base
        self.tokenizer = with_template(loader.load_tokenizer(base))
        self.device = where.kind
        # A small model's operations are too short to share: a second thread only waits, the longer the busier the CPU.
        self.threads = 1 if info.parameters < SMALL else _THREADS
        self.context = info.context or 2048
        self._dtype = where.dtype if info.parameters >= SMALL else "float32"
        self._max_adapters = max_adapters
        self._attached: OrderedDict[str, str] = OrderedDict()  # adapter's name in PEFT -> stamp of its files
        self._alone = False  # whether what is attached may not share a batch
        self.even = False  # whether rows have to be of one length: soft prompts stand before the padding
        self._load_bare()
        self.ends = end_token_ids(self.tokenizer, self.model.generation_config.eos_token_id)
        self.pad: int = next(token for token in (self.tokenizer.pad_token_id, *self.ends, 0) if isinstance(token, int))

    def attach(self, policies: Sequence[Policy]) -> list[str] | None:
        """Makes the model ready for rows of `policies`, which share a batch or are one adapter's alone.

        Returns `adapter_names` for a mixed batch; None where the whole model, as it is now, answers.
        Raises: BadAdapter; the model is bare again then.
        """
        if self.model is None:  # the last attempt to read it ended in no memory
            self._load_bare()
        adapters = {policy.adapter: policy for policy in policies if policy.adapter}
        alone = any(not shares_a_batch(folder) for folder in adapters)
        if alone or self._alone:
            self._detach()
        self._make_room([_key(folder) for folder in adapters])
        for policy in adapters.values():
            self._attach(policy)
        self._alone = alone
        self.even = any(peft_methods.PEFT_METHODS[peft_methods.method_of(folder)].is_soft for folder in adapters)
        if alone or not self._attached:
            return None
        return [_key(policy.adapter) if policy.adapter else "__base__" for policy in policies]

    def _attach(self, policy: Policy) -> None:
        assert policy.adapter is not None
        name = _key(policy.adapter)
        stamp = _stamp(policy.adapter)
        if self._attached.get(name) == stamp:
            self._attached.move_to_end(name)
            return
        if name in self._attached:  # resumed or trained again: same name, other weights
            self._forget(name)
        try:
            with memory_errors():
                self.model = adapter_io.load(self.model, policy.adapter, name)
        except Exception as error:  # half an adapter may sit in the model now, whatever went wrong
            self._load_bare()
            if isinstance(error, AfinaError):
                raise
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            bad = BadAdapter("models.bad_adapter", name=policy.name, base=self.base.name, reason=reason)
            bad.adapter = policy.adapter
            raise bad from error
        self.model.eval()
        self._attached[name] = stamp

    def _make_room(self, needed: Sequence[str]) -> None:
        """Forgets the least recently used adapters, never one that is wanted now."""
        idle = [name for name in self._attached if name not in needed]
        surplus = len({*self._attached, *needed}) - max(self._max_adapters, len(needed))
        for name in idle[: max(0, surplus)]:
            self._forget(name)

    def _forget(self, name: str) -> None:
        if len(self._attached) == 1:  # PEFT keeps at least one
            self._detach()
            return
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that another adapter is active now: each call names its own
            self.model.delete_adapter(name)
        del self._attached[name]

    def _detach(self) -> None:
        """Back to the bare base: LoRA and bottlenecks give the originals back, other models are read anew."""
        if not self._attached:
            return
        if bottleneck.is_in(self.model):
            bottleneck.remove(self.model)
            self._attached.clear()
            self._alone = False
        elif all(config.peft_type == "LORA" for config in self.model.peft_config.values()):
            self.model = self.model.unload()
            self._attached.clear()
            self._alone = False
        else:
            self._load_bare()

    def _load_bare(self) -> None:
        self.model = None  # or two would be in memory for a moment
        with memory_errors():
            self.model = loader.load_model(self.base, self.device, self._dtype)
            if self.threads == 1 and self.device == "cpu":
                _lay_out(self.model)
        self._attached.clear()
        self._alone = False


def tokens_in_front(adapter: Path | None) -> int:
    """How many virtual tokens a soft prompt puts before the conversation."""
    if adapter is None or not peft_methods.PEFT_METHODS[peft_methods.method_of(adapter)].is_soft:
        return 0
    return int(read_json(adapter / "adapter_config.json")["num_virtual_tokens"])


def shares_a_batch(adapter: Path) -> bool:
    """Whether the adapter in this folder may stand beside base rows in one batch through `adapter_names`.

    An allow-list, LoRA and rsLoRA: other methods refuse (DoRA, soft prompts) or silently tune the base row (IA3).
    """
    config = read_json(adapter / "adapter_config.json")
    plain = config.get("bias", "none") == "none" and not config.get("modules_to_save")
    return config.get("peft_type") == "LORA" and not config.get("use_dora") and plain


@contextmanager
def memory_errors() -> Iterator[None]:
    """Turns the device's running out of memory into an AfinaError `chat.memory`."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, MemoryError) or "out of memory" in str(error) or "allocate memory" in str(error):
            raise AfinaError("chat.memory") from error
        raise


def _lay_out(model: Any) -> None:
    """Stores each linear layer's weight column by column: the same numbers, read faster for one or two rows."""
    for module in model.modules():
        if isinstance(module, torch.nn.Linear):
            module.weight.data = module.weight.data.t().contiguous().t()


def _key(folder: Path) -> str:
    """PEFT's name for an adapter; it forbids dots."""
    return "adapter_" + hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:16]


def _stamp(folder: Path) -> str:
    files = sorted(folder.glob("adapter_*"))
    return str([(file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in files])
