"""AI feedback in the Align tab: a machine labels the chosen round or revises replies; its agreement with people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

import gradio as gr

from common.errors import AfinaError
from ui.forms import named
from ui.request import QUIET, actor, inform, language_of, on_open, shown
from ui.translations import t, word
from ui.vote.presenter_view import rates
from workbench.alignment.ai_feedback import JudgeChoice
from workbench.voting.prompt_sources import read_prompts

if TYPE_CHECKING:
    from workbench.alignment.ai_feedback import Agreement, Work
    from workbench.services import Services

_QUICK: dict[str, Any] = {"queue": False, **QUIET}
_KINDS = ("reward", "policy", "endpoint")


@dataclass(frozen=True)
class Panel:
    """The panel's blocks."""

    box: gr.Accordion
    kind: gr.Radio
    name: gr.Dropdown
    url: gr.Textbox
    key: gr.Textbox
    label: gr.Button
    stop: gr.Button
    rubric: gr.Textbox
    save: gr.Button
    policy: gr.Dropdown
    n: gr.Number
    revise: gr.Button
    told: gr.HTML
    agreed: gr.HTML
    look: gr.Button

    @property
    def judge(self) -> list[Any]:
        """What says who judges, and by what."""
        return [self.kind, self.name, self.url, self.key, self.rubric]


def build(services: Services, round_: gr.Dropdown) -> None:
    """Lays the panel out, folded, for the teacher."""
    panel = _lay_out(services.settings.judge_url or "http://localhost:8000/v1")
    _wire_judge(services, panel)
    _wire_work(services, panel, round_)
    _wire_agreement(services, panel, round_)


def _lay_out(address: str) -> Panel:
    with gr.Accordion(t("judges.title"), open=False, visible=False, elem_id="align-judges") as box:
        gr.Markdown(t("judges.about"), elem_classes="train-hint")
        with gr.Row():
            with gr.Column(min_width=320):
                kind = gr.Radio(
                    [(t(f"judges.kind.{each}"), each) for each in _KINDS],
                    value="reward",
                    label=t("judges.kind"),
                    elem_id="judges-kind",
                )
                name = gr.Dropdown([], label=t("judges.name"), allow_custom_value=True, elem_id="judges-name")
                url = gr.Textbox(address, label=t("judges.url"), max_lines=1, visible=False)
                key = gr.Textbox(
                    label=t("judges.key"), info=t("judges.key_info"), type="password", max_lines=1, visible=False
                )
                with gr.Row():
                    label = gr.Button(t("judges.label"), variant="primary", min_width=150, elem_id="judges-label")
                    stop = gr.Button(t("judges.stop"), variant="stop", visible=False, min_width=110)
            with gr.Column(min_width=320):
                rubric = gr.Textbox(label=t("judges.constitution"), info=t("judges.constitution_info"), lines=7)
                save = gr.Button(t("judges.save"), size="sm")
                with gr.Row():
                    policy = gr.Dropdown([], label=t("judges.policy"), allow_custom_value=True, min_width=180)
                    n = gr.Number(25, label=t("judges.n"), precision=0, minimum=5, min_width=90)
                    revise = gr.Button(t("judges.revise"), min_width=150)
        told = gr.HTML("", padding=False, elem_id="judges-told")
        agreed = gr.HTML("", padding=False, elem_id="judges-agreed")
        look = gr.Button(t("judges.refresh"), size="sm", elem_id="judges-refresh")
    return Panel(box, kind, name, url, key, label, stop, rubric, save, policy, n, revise, told, agreed, look)


def _wire_judge(services: Services, panel: Panel) -> None:
    """Who may judge, and the constitution."""

    @shown
    def arrive(kind_: str, request: gr.Request) -> list[Any]:
        who, language = actor(services, request), language_of(request)
        policies = services.comparing.policies(who)
        newest = next((each for each in policies if not each.is_base), policies[0])
        choices = gr.update(choices=named(each.name for each in policies), value=newest.name)
        rules = services.judging.constitution(who, language)
        return [gr.update(visible=who.is_teacher), *choose(kind_, request), rules, choices]

    def choose(kind_: str, request: gr.Request) -> list[Any]:
        who = actor(services, request)
        names = services.rewarding.models(who) if kind_ == "reward" else []
        names = names or ([each.name for each in services.comparing.policies(who)] if kind_ == "policy" else [])
        far = gr.update(visible=kind_ == "endpoint")
        return [gr.update(choices=named(names), value=names[0] if names else ""), far, far]

    @shown
    def write(text: str, request: gr.Request) -> str:
        kept = services.judging.write(actor(services, request), language_of(request), text or "")
        inform(word("judges.saved", language_of(request)), 2)
        return kept

    choice = [panel.name, panel.url, panel.key]
    on_open(arrive, panel.kind, [panel.box, *choice, panel.rubric, panel.policy], **_QUICK)
    panel.kind.change(choose, panel.kind, choice, **_QUICK)
    panel.save.click(write, panel.rubric, panel.rubric, **QUIET)


def _wire_work(services: Services, panel: Panel, round_: gr.Dropdown) -> None:
    """Judging and revising, begun, followed and stopped."""
    seen = gr.State("")
    begun = ["…", ""]  # and nothing seen: what comes of it is told even where it is what came of it before

    def asked(request: gr.Request, kind_: str, name_: str, url_: str, key_: str, rubric_: str) -> JudgeChoice:
        return JudgeChoice(kind_, name_ or "", url_ or "", key_ or "", rubric_ or "", language_of(request))

    @shown
    def start(request: gr.Request, which: str, *values: Any) -> list[str]:
        if not which:
            raise AfinaError("round.unknown", name="-")
        services.judging.begin(actor(services, request), which, asked(request, *values))
        return begun

    @shown
    def rewrite(request: gr.Request, policy_: str, n_: float, *values: Any) -> list[str]:
        language, count = language_of(request), int(n_ or 0)
        into = free_name(services, actor(services, request), word("judges.into", language, policy=policy_))
        prompts = read_prompts(f"prompts.{language}", services.settings)
        held = max(1, count // 5)
        services.judging.begin_revising(
            actor(services, request), policy_, into, prompts, asked(request, *values), count - held, held
        )
        return begun

    @shown
    def watch(mark: str, request: gr.Request) -> list[Any]:
        who, language = actor(services, request), language_of(request)
        work = services.judging.work(who) if who.is_teacher else None
        now = f"{work.about} {work.done} {work.total} {work.busy}" if work else ""
        if now == mark or work is None:
            return [gr.skip()] * 3
        return [progress(work, language), gr.update(visible=work.busy), now]

    @shown
    def halt(request: gr.Request) -> None:
        services.judging.stop(actor(services, request))

    panel.label.click(start, [round_, *panel.judge], [panel.told, seen], **QUIET)
    panel.revise.click(rewrite, [panel.policy, panel.n, *panel.judge], [panel.told, seen], **QUIET)
    panel.stop.click(halt, None, None, **_QUICK)
    gr.Timer(1.0).tick(watch, seen, [panel.told, panel.stop, seen], **_QUICK)


def _wire_agreement(services: Services, panel: Panel, round_: gr.Dropdown) -> None:
    @shown
    def compare(which: str, request: gr.Request) -> str:
        return agreement(services.judging.agreement(actor(services, request), which), language_of(request))

    gr.on(
        [panel.look.click, round_.change, panel.told.change], compare_or_nothing(compare), round_, panel.agreed, **QUIET
    )


def compare_or_nothing(compare: Any) -> Any:
    """`compare`, where a round is chosen."""

    @shown
    def look(which: str, request: gr.Request) -> str:
        return compare(which, request) if which else ""

    return look


def free_name(services: Services, who: Any, wanted: str) -> str:
    """`wanted`, with a number where a round has that name."""
    taken = {each.name for each in services.rounds.listed(who)}
    tries = (wanted if n == 1 else f"{wanted} {n}" for n in range(1, 1000))
    return next(each for each in tries if each not in taken)


def progress(work: Work, language: str) -> str:
    """What the machine is at, what came of it, or what went wrong."""
    if work.error is not None:
        return f'<div class="train-problem">{escape(work.error.words(language))}</div>'
    if work.result is None:
        told = word("judges.busy", language, about=work.about, done=work.done, total=work.total or "…")
        share = work.done / work.total if work.total else 0
        return f'<p>{escape(told)}</p><div class="bar"><i style="width:{share:.0%}"></i></div>'
    done = work.result
    tally = ", ".join(word(f"judges.tally.{why}", language, n=n) for why, n in sorted(done.tally.items())) or "–"
    told = word("judges.done", language, judge=done.judge, round=done.round, done=done.done, tally=tally)
    return f"<p>{escape(told)}</p>"


def agreement(found: Sequence[Agreement], language: str) -> str:
    """Each machine's agreement with people as a bar, people's own beside it."""
    if not found:
        return f'<p class="quiet">{escape(word("judges.none", language))}</p>'
    rows: list[dict[str, Any]] = [
        {"name": _named(each, language), "value": each.value, "low": each.low, "high": each.high, "n": each.n}
        for each in found
        if each.value is not None
    ]
    silent = "".join(
        f'<p class="quiet">{escape(word("judges.undecided", language, judge=each.judge, labelled=each.labelled))}</p>'
        for each in found
        if each.value is None
    )
    if not rows:
        return silent
    if found[0].people is not None:
        rows.append(
            {
                "name": word("judges.people", language),
                "value": found[0].people,
                "low": None,
                "high": None,
                "n": max(row["n"] for row in rows),
            }
        )
    return f"<p>{escape(word('judges.agree', language))}</p>{rates(rows, language, 'align.n')}{silent}"


def _named(each: Agreement, language: str) -> str:
    """A judge; a reward model that the round taught counts on what it has not seen."""
    return f"{each.judge} ({word('judges.unseen', language)})" if each.heldout_only else each.judge
