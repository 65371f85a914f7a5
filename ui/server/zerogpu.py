"""ZeroGPU: the platform's decorator around what needs a GPU, and the events that lend the visitor's quota.

The only module that knows the package `spaces`, and only on such a Space.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gradio as gr

from common.errors import AfinaError
from common.settings import Settings
from ui.request import actor, shown

if TYPE_CHECKING:
    from tuning.executors.zerogpu_engine import Functions
    from workbench.services import Services

_SECONDS = 2.0  # between two looks for work that waits for a page


def functions(settings: Settings) -> Functions | None:
    """What runs on the GPU, decorated; the base model is put into memory for it. None on every other machine.

    Has to be called before the page is launched: the platform looks for decorated functions, and moves models, then.
    """
    if not settings.zero_gpu:
        return None
    import spaces

    from tuning.executors.zerogpu import prepare
    from tuning.executors.zerogpu_engine import Functions

    functions_ = Functions.decorated(spaces.GPU(duration=lambda seconds, *rest: seconds))
    try:
        prepare(settings.home, settings.base_model)
    except AfinaError as error:
        print(error, flush=True)
    return functions_


def lend(services: Services, demo: gr.Blocks) -> None:
    """The teacher's page lends its GPU quota to runs and rounds, slice by slice, while it is open."""
    leases = services.leases
    if leases is None:
        return
    timer = gr.Timer(_SECONDS, active=False)

    def arrive(request: gr.Request) -> gr.Timer:
        return gr.Timer(active=actor(services, request).is_teacher)

    @shown
    def lend_gpu(request: gr.Request) -> bool:
        """ZeroGPU: gives the caller's quota to the run or round that waits for it; false where none does."""
        services.roles.require_teacher(actor(services, request))
        return leases.grant()

    def tick(request: gr.Request) -> None:
        lend_gpu(request)

    quiet: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
    demo.load(arrive, None, timer, queue=False, **quiet)
    timer.tick(tick, None, None, trigger_mode="once", concurrency_limit=4, **quiet)
    gr.api(lend_gpu, api_name="lend_gpu", concurrency_limit=4)
