"""Put on PYTHONPATH it lets the real package `spaces` work as on ZeroGPU, on a machine without a GPU.

Only what the package does to torch's CUDA is replaced: instead of forbidding CUDA outside the process that it forks,
no model may compute there at all. Scheduling, forking, pickling and error messages stay the package's own.
"""

import os
import sys
import types


def _refuse(*args, **kwargs):
    raise RuntimeError("a model was used outside of the process that has the GPU")


_kept: dict = {}


def _patch():
    import torch

    _kept.update(call=torch.nn.Module.__call__, backward=torch.Tensor.backward)
    torch.nn.Module.__call__ = _refuse
    torch.Tensor.backward = _refuse


def _unpatch():
    import torch

    torch.nn.Module.__call__ = _kept["call"]
    torch.Tensor.backward = _kept["backward"]


if os.environ.get("SPACES_ZERO_GPU"):
    module = types.ModuleType("spaces.zero.torch")
    module.patch, module.unpatch = _patch, _unpatch
    module.pack = module.size = lambda *args, **kwargs: 0
    module.enter_mode = module.init = module.move = lambda *args, **kwargs: None
    module.is_in_bad_fork = lambda: False
    sys.modules["spaces.zero.torch"] = module
