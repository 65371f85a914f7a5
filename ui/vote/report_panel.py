"""What the votes are worth: every number with its interval, its formula one click away; leaving somebody out.

The tables themselves are `ui.vote.report_view`'s.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import gradio as gr

from ui.request import QUIET, actor, inform, language_of, shown
from ui.translations import t, word
from ui.vote.label_tab import verdict
from ui.vote.report_view import table

if TYPE_CHECKING:
    from labeling.schema import Annotator
    from workbench.services import Services


class Worth:
    """The panel's components, laid out in the Blocks context it is made in."""

    def __init__(self) -> None:
        with gr.Row():
            self.names = gr.Checkbox(False, label=t("vote.worth.names"), info=t("vote.worth.names_info"))
            self.refresh = gr.Button(t("vote.worth.refresh"), size="sm", scale=0, min_width=140, elem_id="vote-refresh")
        self.report = gr.HTML("", elem_classes="worth", elem_id="vote-report", padding=False)
        with gr.Row():
            self.target = gr.Dropdown(
                [], label=t("vote.worth.annotator"), allow_custom_value=True, elem_id="vote-person"
            )
            self.vote = gr.Dropdown([], label=t("vote.worth.vote"), elem_id="vote-of-person")
            self.reason = gr.Textbox(label=t("vote.worth.reason"), max_lines=1, elem_id="vote-reason")
        with gr.Row():
            self.exclude = gr.Button(t("vote.worth.exclude"), size="sm", elem_id="vote-exclude")
            self.include = gr.Button(t("vote.worth.include"), size="sm", elem_id="vote-include")
            self.revoke = gr.Button(t("vote.worth.revoke"), size="sm", elem_id="vote-revoke")


def wire(services: Services, worth: Worth, choice: gr.Dropdown, opened: gr.Accordion) -> None:
    @shown
    def look(name: str, names: bool, request: gr.Request) -> list[Any]:
        if not name:
            return [f'<p class="quiet">{word("vote.empty", language_of(request))}</p>', gr.skip()]
        who, language = actor(services, request), language_of(request)
        report = services.results.report(who, name, language)
        choices = _named(report, services.rounds.invited(who), language)
        return [table(report, names, language), gr.update(choices=choices)]

    @shown
    def votes(name: str, target: str, chosen: str | None, request: gr.Request) -> Any:
        who, language = actor(services, request), language_of(request)
        if not (name and target):
            return gr.update(choices=[], value=None)
        out = services.results.excluded(who, name)["annotation"]
        said = services.results.votes_by(who, name, target)
        choices = [
            (_with_reason(verdict(each, language), out.get(each.annotation_id), language), each.annotation_id)
            for each in said
        ]
        value = chosen if chosen in {each.annotation_id for each in said} else ""
        return gr.update(choices=[(word("vote.worth.every_vote", language), ""), *choices], value=value)

    def leave(out: bool) -> Any:
        @shown
        def change(target: str, vote: str | None, reason: str, request: gr.Request) -> str:
            why = (reason or "") if out else None
            kind = "annotation" if vote else "annotator"
            services.results.exclude(actor(services, request), kind, vote or target or "", why)
            return ""

        return change

    @shown
    def revoke(target: str, request: gr.Request) -> None:
        services.rounds.revoke(actor(services, request), target or "")
        inform(word("vote.worth.revoke_done", language_of(request)), 6)

    list_votes: dict[str, Any] = {
        "fn": votes,
        "inputs": [choice, worth.target, worth.vote],
        "outputs": worth.vote,
    }
    worth.target.change(**list_votes, **QUIET)
    inputs, outputs = [choice, worth.names], [worth.report, worth.target]
    choice.change(  # never one round's numbers under another's name
        lambda: ["", gr.update(value=None), gr.update(choices=[], value=None)],
        None,
        [worth.report, worth.target, worth.vote],
        queue=False,
        **QUIET,
    )
    gr.on([opened.expand, worth.refresh.click, worth.names.change], look, inputs, outputs, **QUIET)
    worth.revoke.click(revoke, worth.target, None, **QUIET).success(look, inputs, outputs, **QUIET)
    for button, out in ((worth.exclude, True), (worth.include, False)):
        button.click(leave(out), [worth.target, worth.vote, worth.reason], worth.reason, **QUIET).success(
            look, inputs, outputs, **QUIET
        ).success(**list_votes, **QUIET)


def _named(report: Mapping[str, Any], invited: Sequence[Annotator], language: str) -> list[tuple[str, str]]:
    """Everybody who can be left out, taken in again, or whose invitation can be revoked."""
    out, links = report["excluded"]["annotator"], {each.annotator_id: each for each in invited}
    people = dict.fromkeys([*(each["annotator_id"] for each in report["annotators"]), *out, *links])

    def called(annotator_id: str) -> str:
        parts = [annotator_id[:12]]
        if annotator_id in links:
            key = "invited" if links[annotator_id].revoked_at is None else "revoked"
            parts += [links[annotator_id].group, word(f"vote.worth.{key}", language)]
        return _with_reason(" · ".join(filter(None, parts)), out.get(annotator_id), language)

    return [(called(each), each) for each in people]


def _with_reason(name: str, reason: str | None, language: str) -> str:
    return name if reason is None else f"{name} · {word('vote.worth.out', language, reason=reason)}"
