"""How the pages look: large type for a projector, one accent colour, system fonts (nothing is fetched)."""

from __future__ import annotations

import gradio as gr

from ui import static_files

_FONTS = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "Noto Sans", "sans-serif")
_MONO = ("ui-monospace", "SFMono-Regular", "Menlo", "Noto Sans Mono", "monospace")

CSS = "\n".join(static_files.text(name) for name in ("style.css", "vote.css", "align.css", "numbers.css", "course.css"))


def theme() -> gr.themes.Base:
    return gr.themes.Soft(
        primary_hue="indigo",
        neutral_hue="slate",
        text_size="lg",
        radius_size="md",
        font=_FONTS,
        font_mono=_MONO,
    ).set(
        block_title_background_fill="transparent",
        block_title_background_fill_dark="transparent",
        block_title_text_color="*body_text_color",
        block_title_text_color_dark="*body_text_color",
        block_title_padding="0",
        block_label_background_fill="transparent",
        body_text_color_subdued="*neutral_500",  # 4.8 to 1 on white: a projector washes out what is paler
        block_info_text_color="*neutral_500",
        block_label_background_fill_dark="transparent",
        checkbox_border_color="*neutral_500",  # Gradio's is white on white until it is ticked
    )
