"""AI feedback in the Align tab: a machine labels the chosen round or revises replies; its agreement with people."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, Any

import gradio as gr

from common.errors import AfinaError
from common.languages import own_texts
from tuning.pocket.world.shipped import shipped_language
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


class Panel:
    """The panel's components, laid out in the Blocks context it is made in."""

    def __init__(self, address: str) -> None:
        with gr.Accordion(t("judges.title"), open=False, visible=False, elem_id="align-judges") as self.box:
            gr.Markdown(t("judges.about"), elem_classes="train-hint")
            with gr.Row():
                with gr.Column(min_width=320):
                    self.kind = gr.Radio(
                        [(t(f"judges.kind.{each}"), each) for each in _KINDS],
                        value="reward",
                        label=t("judges.kind"),
                        elem_id="judges-kind",
                    )
                    self.name = gr.Dropdown([], label=t("judges.name"), allow_custom_value=True, elem_id="judges-name")
                    self.url = gr.Textbox(address, label=t("judges.url"), max_lines=1, visible=False)
                    self.key = gr.Textbox(
                        label=t("judges.key"), info=t("judges.key_info"), type="password", max_lines=1, visible=False
                    )
                    with gr.Row():
                        self.label = gr.Button(
                            t("judges.label"), variant="primary", min_width=150, elem_id="judges-label"
                        )
                        self.stop = gr.Button(t("judges.stop"), variant="stop", visible=False, min_width=110)
                with gr.Column(min_width=320):
                    self.rubric = gr.Textbox(
                        label=t("judges.constitution"), info=t("judges.constitution_info"), lines=7
                    )
                    self.save = gr.Button(t("judges.save"), size="sm")
                    with gr.Row():
                        self.policy = gr.Dropdown([], label=t("judges.policy"), allow_custom_value=True, min_width=180)
                        self.n = gr.Number(25, label=t("judges.n"), precision=0, minimum=5, min_width=90)
                        self.revise = gr.Button(t("judges.revise"), min_width=150)
            self.report = gr.HTML("", padding=False, elem_id="judges-told")
            self.agreed = gr.HTML("", padding=False, elem_id="judges-agreed")
            self.look = gr.Button(t("judges.refresh"), size="sm", elem_id="judges-refresh")
        self.judge: set[Any] = {self.kind, self.name, self.url, self.key, self.rubric}

    def choice(self, values: dict[Any, Any], language: str) -> JudgeChoice:
        """Who judges, and by what, from the values of `judge`."""
        name, url, key, rubric = (values[box] or "" for box in (self.name, self.url, self.key, self.rubric))
        return JudgeChoice(values[self.kind], name, url, key, rubric, language)


def build(services: Services, round_: gr.Dropdown) -> None:
    """Lays the panel out, folded, for the teacher."""
    panel = Panel(services.settings.judge_url or "http://localhost:8000/v1")
    _wire_judge(services, panel)
    _wire_work(services, panel, round_)
    _wire_agreement(services, panel, round_)


def _wire_judge(services: Services, panel: Panel) -> None:
    """Who may judge, and the constitution."""

    @shown
    def arrive(kind: str, request: gr.Request) -> dict[Any, Any]:
        who, language = actor(services, request), language_of(request)
        policies = services.comparing.policies(who)
        newest = next((each for each in policies if not each.is_base), policies[0])
        rules: Any = services.judging.constitution(who, language)
        if not own_texts("workbench", language):
            rules = gr.update(value=rules, info=word("language.english_data", language))
        return {
            panel.box: gr.update(visible=who.is_teacher),
            **choose(kind, request),
            panel.rubric: rules,
            panel.policy: gr.update(choices=named(each.name for each in policies), value=newest.name),
        }

    def choose(kind: str, request: gr.Request) -> dict[Any, Any]:
        who = actor(services, request)
        names = services.rewarding.models(who) if kind == "reward" else []
        names = names or ([each.name for each in services.comparing.policies(who)] if kind == "policy" else [])
        far = gr.update(visible=kind == "endpoint")
        judges = gr.update(choices=named(names), value=names[0] if names else "")
        return {panel.name: judges, panel.url: far, panel.key: far}

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
    # Nothing seen: what comes of it is told even where it is what came of it before.
    begun = {panel.report: "…", seen: ""}

    @shown
    def start(values: dict[Any, Any], request: gr.Request) -> dict[Any, Any]:
        if not values[round_]:
            raise AfinaError("round.unknown", name="-")
        choice = panel.choice(values, language_of(request))
        services.judging.begin(actor(services, request), values[round_], choice)
        return begun

    @shown
    def rewrite(values: dict[Any, Any], request: gr.Request) -> dict[Any, Any]:
        who, language = actor(services, request), language_of(request)
        policy, n = values[panel.policy], int(values[panel.n] or 0)
        into = free_name(services, who, word("judges.into", language, policy=policy))
        prompts = read_prompts(f"prompts.{shipped_language(language)}", services.settings)
        held = max(1, n // 5)
        services.judging.begin_revising(who, policy, into, prompts, panel.choice(values, language), n - held, held)
        return begun

    @shown
    def watch(mark: str, request: gr.Request) -> dict[Any, Any]:
        who, language = actor(services, request), language_of(request)
        work = services.judging.work(who) if who.is_teacher else None
        now = f"{work.about} {work.done} {work.total} {work.busy}" if work else ""
        if now == mark or work is None:
            return gr.skip()
        return {panel.report: progress(work, language), panel.stop: gr.update(visible=work.busy), seen: now}

    @shown
    def halt(request: gr.Request) -> None:
        services.judging.stop(actor(services, request))

    panel.label.click(start, {round_, *panel.judge}, list(begun), **QUIET)
    panel.revise.click(rewrite, {panel.policy, panel.n, *panel.judge}, list(begun), **QUIET)
    panel.stop.click(halt, None, None, **_QUICK)
    gr.Timer(1.0).tick(watch, seen, [panel.report, panel.stop, seen], **_QUICK)


def _wire_agreement(services: Services, panel: Panel, round_: gr.Dropdown) -> None:
    @shown
    def compare(which: str, request: gr.Request) -> str:
        return agreement(services.judging.agreement(actor(services, request), which), language_of(request))

    gr.on(
        [panel.look.click, round_.change, panel.report.change],
        compare_or_nothing(compare),
        round_,
        panel.agreed,
        **QUIET,
    )


def compare_or_nothing(compare: Any) -> Any:
    """`compare`, where a round is chosen."""

    @shown
    def look(which: str, request: gr.Request) -> str:
        return compare(which, request) if which else ""

    return look


def free_name(services: Services, who: Any, base: str) -> str:
    """`wanted`, with a number where a round has that name."""
    taken = {each.name for each in services.rounds.listed(who)}
    tries = (base if n == 1 else f"{base} {n}" for n in range(1, 1000))
    return next(each for each in tries if each not in taken)


def progress(work: Work, language: str) -> str:
    """What the machine is at, what came of it, or what went wrong."""
    if work.error is not None:
        return f'<div class="train-problem">{escape(work.error.words(language))}</div>'
    if work.result is None:
        text = word("judges.busy", language, about=work.about, done=work.done, total=work.total or "…")
        share = work.done / work.total if work.total else 0
        return f'<p>{escape(text)}</p><div class="bar"><i style="width:{share:.0%}"></i></div>'
    done = work.result
    tally = ", ".join(word(f"judges.tally.{why}", language, n=n) for why, n in sorted(done.tally.items())) or "–"
    text = word("judges.done", language, judge=done.judge, round=done.round, done=done.done, tally=tally)
    return f"<p>{escape(text)}</p>"


def agreement(agreements: Sequence[Agreement], language: str) -> str:
    """Each machine's agreement with people as a bar, people's own beside it."""
    if not agreements:
        return f'<p class="quiet">{escape(word("judges.none", language))}</p>'
    rows: list[dict[str, Any]] = [
        {"name": _named(line, language), "value": line.value, "low": line.low, "high": line.high, "n": line.n}
        for line in agreements
        if line.value is not None
    ]
    silent = "".join(
        f'<p class="quiet">{escape(word("judges.undecided", language, judge=line.judge, labelled=line.labelled))}</p>'
        for line in agreements
        if line.value is None
    )
    if not rows:
        return silent
    if agreements[0].people is not None:
        rows.append(
            {
                "name": word("judges.people", language),
                "value": agreements[0].people,
                "low": None,
                "high": None,
                "n": max(row["n"] for row in rows),
            }
        )
    return f"<p>{escape(word('judges.agree', language))}</p>{rates(rows, language, 'align.n')}{silent}"


def _named(each: Agreement, language: str) -> str:
    """A judge; a reward model that the round taught counts on what it has not seen."""
    return f"{each.judge} ({word('judges.unseen', language)})" if each.heldout_only else each.judge
