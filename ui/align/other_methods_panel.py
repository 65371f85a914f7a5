"""The Align tab's other roads: KTO from single replies, DPO on the best of n, a policy gradient against a reward.

Lays out and wires; what is done is in `workbench.alignment.kto_and_rloo`, the run is watched in the tab's own panel.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gradio as gr

from common.errors import AfinaError
from common.number_format import number
from tuning.config.training import PROGRAMMED, KTOConfig, RLOOConfig
from tuning.pocket.world.shipped import shipped_language
from ui.align import align_view
from ui.components import shipped_data
from ui.request import QUIET, actor, language_of, shown
from ui.translations import t, word
from workbench.alignment import best_of_n
from workbench.alignment.best_of_n import DECIDED
from workbench.alignment.reward_training import MOST

if TYPE_CHECKING:
    from workbench.services import Services


class Panel:
    """The three roads side by side, folded away; laid out in the Blocks context it is made in."""

    def __init__(self) -> None:
        kto, rloo = KTOConfig(), RLOOConfig()
        with gr.Accordion(t("roads.title"), open=False, elem_id="align-roads") as self.roads, gr.Row():
            with gr.Column(min_width=320):
                gr.Markdown(t("roads.kto.about"))
                self.usable = gr.HTML("", padding=False, elem_id="roads-usable")
                with gr.Row():
                    self.kto_beta = gr.Number(kto.beta, label="β", info=t("align.beta"), minimum=0.001, min_width=110)
                    self.kto_steps = gr.Number(
                        kto.target_steps,
                        label=t("roads.steps"),
                        info=t("roads.kto.steps"),
                        precision=0,
                        minimum=1,
                        min_width=110,
                    )
                self.start_kto = gr.Button(t("roads.kto.start"), elem_id="align-kto")
            with gr.Column(min_width=320):
                gr.Markdown(t("roads.labelled.about"))
                self.ties = gr.HTML("", padding=False)
                self.labeller = gr.Dropdown([], label=t("roads.labelled.reward"), elem_id="roads-labeller")
                self.prompts = gr.Dropdown([], label=t("roads.labelled.prompts"), elem_id="roads-prompts")
                with gr.Row():
                    self.n_prompts = gr.Number(
                        best_of_n.PROMPTS,
                        label=t("roads.labelled.n_prompts"),
                        precision=0,
                        minimum=1,
                        min_width=110,
                    )
                    self.n_replies = gr.Number(
                        best_of_n.REPLIES,
                        label=t("roads.labelled.n_replies"),
                        precision=0,
                        minimum=2,
                        maximum=MOST,
                        min_width=110,
                    )
                self.start_labelled = gr.Button(t("roads.labelled.start"), elem_id="align-labelled")
            with gr.Column(min_width=320):
                gr.Markdown(t("roads.rloo.about"))
                self.reward = gr.Dropdown([], label=t("roads.reward"), allow_custom_value=True, elem_id="roads-reward")
                with gr.Row():
                    self.rloo_beta = gr.Number(rloo.beta, label="β", info=t("align.beta"), minimum=0, min_width=110)
                    self.rloo_steps = gr.Number(
                        rloo.target_steps, label=t("roads.steps"), precision=0, minimum=1, min_width=110
                    )
                self.start_rloo = gr.Button(t("roads.rloo.start"), elem_id="align-rloo")


def build(services: Services, round_: Any, way: Any, sources: Any, watched: gr.Dropdown) -> None:
    """In the Blocks context it is called in. `watched`: where the new run is shown."""
    panel = Panel()

    @shown
    def arrive(name: str, way: Any, sources: Any, request: gr.Request) -> dict[Any, Any]:
        who, language = actor(services, request), language_of(request)
        judges = services.rewarding.models(who)
        listed = [(each, each) for each in judges] + [
            (word(f"roads.reward.{each}", language), each) for each in PROGRAMMED
        ]
        facts = ""
        if name and who.is_teacher:
            found = services.roads.rated(who, name, way, sources)
            facts = word("roads.usable", language, good=found.good, bad=found.bad, thumbs=found.thumbs)
            if found.unsigned:
                facts += " " + word("roads.unsigned", language, n=found.unsigned)
        ties = ""
        if name and who.is_teacher:
            share = services.aligning.pairs(who, name, way, sources=sources).decided
            if share is not None and share < DECIDED:
                ties = word("roads.labelled.ties", language, share=number(1 - share, language, ".0%"))
        sets = [(word("roads.labelled.own", language), ""), *shipped_data.prompt_sets(language)]
        return {
            panel.reward: gr.update(choices=listed, value=listed[0][1]),
            panel.usable: f'<p class="quiet">{facts}</p>',
            panel.labeller: gr.update(choices=judges, value=judges[0] if judges else None),
            panel.prompts: gr.update(
                choices=sets, value=f"prompts.{shipped_language(language)}", **shipped_data.info(language)
            ),
            panel.ties: f'<p class="train-remark">{ties}</p>' if ties else "",
        }

    def started(run_id: str, request: gr.Request) -> Any:
        run = services.training.summary(actor(services, request), run_id)
        return gr.update(choices=align_view.runs(services.training.runs(actor(services, request))), value=run.name)

    @shown
    def learn(name: str, way: Any, sources: Any, beta: float, steps: float, request: gr.Request) -> Any:
        who = actor(services, request)
        settings: dict[str, Any] = {"beta": beta, "target_steps": int(steps or 1)}
        return started(services.roads.kto(who, name, "", way, sources=sources, **settings), request)

    @shown
    def label(name: str, reward: str, prompts: str, n: float, replies: float, request: gr.Request) -> Any:
        who = actor(services, request)
        services.roles.require_teacher(who)
        if not reward:
            raise AfinaError("roads.no_reward_model")
        run_id = services.roads.labelled(
            who, name, reward, "", prompts=prompts or "", n_prompts=int(n or 1), n_replies=int(replies or 2)
        )
        return started(run_id, request)

    @shown
    def climb(name: str, reward: str, beta: float, steps: float, request: gr.Request) -> Any:
        who, language = actor(services, request), language_of(request)
        settings: dict[str, Any] = {"beta": beta or 0, "target_steps": int(steps or 1)}
        return started(services.roads.rloo(who, name, reward, language=language, **settings), request)

    data = [round_, way, sources]
    filled = [panel.reward, panel.usable, panel.labeller, panel.prompts, panel.ties]
    gr.on([panel.roads.expand, round_.change, way.change, sources.change], arrive, data, filled, queue=False, **QUIET)
    panel.start_kto.click(learn, [*data, panel.kto_beta, panel.kto_steps], watched, **QUIET)
    fields = [round_, panel.labeller, panel.prompts, panel.n_prompts, panel.n_replies]
    panel.start_labelled.click(label, fields, watched, **{**QUIET, "show_progress": "minimal"})
    panel.start_rloo.click(climb, [round_, panel.reward, panel.rloo_beta, panel.rloo_steps], watched, **QUIET)
