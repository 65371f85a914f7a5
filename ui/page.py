"""The whole page: header, tabs; and how it is launched. Lays out and wires, nothing else."""

from __future__ import annotations

import html
import os
from typing import TYPE_CHECKING, Any

import gradio as gr

from ui import before_class_panel, language_switch
from ui.align.align_tab import build_align_tab
from ui.chat.alternatives_tab import build_which_tab
from ui.chat.chat_tab import build_chat_tab
from ui.chat.red_team_tab import build_redteam_tab
from ui.edge.addresses import addresses
from ui.laboratory.classify_tab import build_classify_tab
from ui.laboratory.numbers_tab import build_numbers_tab
from ui.request import actor, language_of, signed_in
from ui.runs.runs_tab import build_runs_tab
from ui.server import event_graph_patches, gradio_patches, zerogpu
from ui.server.error_boundary import THREADS, Page
from ui.server.routes import middleware, routes
from ui.theme import CSS, theme
from ui.train.experiments_tab import build_experiments_tab
from ui.train.train_tab import build_train_tab
from ui.translations import catalogue, t, word
from ui.vote.label_tab import build_label_tab
from ui.vote.round_choice import Way
from ui.vote.vote_tab import build_vote_tab, endpoints

if TYPE_CHECKING:
    from workbench.services import Services


def build(services: Services) -> gr.Blocks:
    """The page over `services`. Starts nothing."""
    gradio_patches.apply()
    with Page(title="Afina", analytics_enabled=False, fill_width=True) as demo:
        # Before there are blocks: Gradio makes the whole app anew, which costs more the more of them there are.
        demo.queue(api_open=False, max_size=500, default_concurrency_limit=16)
        top = _header(demo, services)
        with gr.Tabs() as tabs:
            with gr.Tab(t("shell.tab.train"), id="train"), gr.Tabs(elem_classes="tasks"):
                with gr.Tab(t("classify.task.write"), id="task-write"):
                    build_train_tab(services)
                with gr.Tab(t("classify.task.classify"), id="task-classify"):
                    build_classify_tab(services)
                with gr.Tab(t("experiments.task"), id="task-experiments") as experiments:
                    build_experiments_tab(services, experiments)
            with gr.Tab(t("shell.tab.chat"), id="chat"), gr.Tabs(elem_classes="tasks"):
                with gr.Tab(t("chat.task.talk"), id="task-talk"):
                    build_chat_tab(services)
                with gr.Tab(t("alternatives.tab"), id="task-which") as which:
                    build_which_tab(services, which)
                with gr.Tab(t("redteam.tab"), id="task-redteam") as redteam:
                    build_redteam_tab(services, redteam)
            with gr.Tab(t("shell.tab.runs"), id="runs"):
                build_runs_tab(services)
            with gr.Tab(t("shell.tab.vote"), id="vote"):
                shown = build_vote_tab(services)
            with gr.Tab(t("shell.tab.align"), id="align"):
                build_align_tab(services, Way(tabs, shown))
            with gr.Tab(t("shell.tab.label"), id="label"):
                build_label_tab(services)
            with gr.Tab(t("numbers.tab"), id="numbers"):
                build_numbers_tab(services)
        opened = _watch_only_what_is_shown(tabs)
        event_graph_patches.fill_when_first_shown(demo, opened)
        endpoints(services)
        zerogpu.lend(services, demo)
        event_graph_patches.keep_progress_to_what_shows_it(demo, top)
    return demo


def _watch_only_what_is_shown(tabs: gr.Tabs) -> dict[gr.Tab, gr.Checkbox]:
    """Timers of a tab that is not shown stand still: each tick costs the browser a fifth of a second.

    Gives what turns true when a tab is shown for the first time.
    """
    shown = [each for each in tabs.children if isinstance(each, gr.Tab)]
    timers = [(tab, timer) for tab in shown for timer in _timers(tab)]
    opened = {tab: gr.Checkbox(False, visible=False) for tab in shown}  # no State: without a queue none changes
    for tab in shown:

        def watch(chosen: gr.Tab = tab) -> dict[Any, Any]:
            return {opened[chosen]: True, **{timer: gr.Timer(active=owner is chosen) for owner, timer in timers}}

        tab.select(
            watch,
            None,
            [opened[tab], *(timer for _, timer in timers)],
            api_visibility="private",
            queue=False,
            show_progress="hidden",
        )
    return opened


def _timers(block: Any) -> list[gr.Timer]:
    return [each for each in event_graph_patches.blocks_in(block) if isinstance(each, gr.Timer)]


def launch_options(services: Services) -> dict[str, Any]:
    """What `demo.launch` takes: looks, languages, our routes, limits. No file of the home folder is served."""
    settings = services.settings
    return {
        "server_name": settings.host,
        "server_port": settings.port,
        "theme": theme(),
        "css": CSS,
        "i18n": catalogue(),
        "app_kwargs": {"routes": routes(services), "middleware": middleware(services)},
        "ssr_mode": False,
        "max_threads": THREADS,
        "max_file_size": settings.max_upload_mb * 2**20,
        "blocked_paths": [str(settings.home.resolve())],
        "enable_monitoring": False,
        "run_history": False,
        "footer_links": ["settings"],
        "show_error": True,
        "quiet": True,
        "mcp_server": False,
        "share": False,
        "_frontend": False,  # it would ask itself for the page and give up after 3 s, which a busy machine takes
    }


def _header(demo: gr.Blocks, services: Services) -> gr.HTML:
    with gr.Row(elem_id="afina-top"):
        top = gr.HTML(_top("", ""), padding=False)
        if services.roles.sign_in:
            _sign_in(demo)
        checks = before_class_panel.button()
        language_switch.build()

    before_class_panel.build(services, checks)

    def arrive(request: gr.Request) -> str:
        services.opened.set()
        language = language_of(request)
        who = "teacher" if actor(services, request).is_teacher else "visitor"
        name = signed_in(request) if who == "visitor" and services.roles.sign_in else ""
        key = "shell.visitor_space" if who == "visitor" and services.roles.sign_in else f"shell.{who}"
        label = word("shell.signed_in", language, name=name) if name else word(key, language)
        chips = f'<span class="afina-chip {who}">{html.escape(label)}</span>'
        if who == "teacher":
            shared = addresses(services.settings)
            chips += "".join(f'<span class="afina-chip address">{html.escape(each)}</span>' for each in shared)
            chips += _backup(services, language)
        return _top(chips, word("shell.tagline", language))

    quiet: dict[str, Any] = {"api_visibility": "private", "queue": False, "show_progress": "hidden"}
    demo.load(arrive, None, top, **quiet)
    if services.backup:
        gr.Timer(10).tick(arrive, None, top, **quiet)
    return top


def _sign_in(demo: gr.Blocks) -> None:
    """In the reader's language: Gradio's own button, in English alone, stands hidden and brings the routes.

    Inside another site's frame it opens a tab of its own: Gradio's session cookie is not kept there by browsers that
    keep no third party's.
    """
    gr.LoginButton(visible=False)
    door = gr.Button("", elem_id="afina-sign-in", size="sm", scale=0)
    framed = gr.Checkbox(False, visible=False)

    def arrive(framed: bool, request: gr.Request) -> Any:
        name, language = signed_in(request), language_of(request)
        if name:
            return gr.update(value=word("shell.sign_out", language, name=name), link="/logout?_target_url=/")
        label, target = word("shell.sign_in", language), "_blank" if framed else "_self"
        return gr.update(value=label, link="/login/huggingface?_target_url=/", link_target=target)

    demo.load(
        arrive, framed, door, js="() => self !== top", api_visibility="private", queue=False, show_progress="hidden"
    )


def _backup(services: Services, language: str) -> str:
    """Where votes are copied and how long one may be on this machine alone; what is wrong with it."""
    if services.backup is None:
        lost = "shell.no_backup" if os.environ.get("SPACE_ID") and services.labels.sqlite else ""
        key = "shell.backup_refused" if services.refused else lost
        title = services.refused.words(language) if services.refused else ""
        return _chip("visitor", word(key, language), title) if key else ""
    kept = services.backup.status()
    text = word("shell.backup", language, seconds=f"{kept.seconds:g}", pending=kept.pending)
    if kept.error:
        text = word("shell.backup_failing", language, pending=kept.pending)
    title = kept.error.words(language) if kept.error else kept.where
    kind = "visitor" if kept.error else "teacher"
    return _chip(kind, text, title)


def _chip(kind: str, text: str, title: str) -> str:
    return f'<span class="afina-chip {kind}" title="{html.escape(title, quote=True)}">{html.escape(text)}</span>'


def _top(chips: str, tagline: str) -> str:
    return f'<div class="afina-header"><h1>Afina</h1><span class="tagline">{html.escape(tagline)}</span>{chips}</div>'
