"""A form from a config dataclass: every field with its kind, limits and words, and back to settings.

Knows dataclass metadata (`unit`, `group`, `min`, `max`, `choices`) and components, no method and no tab. A
field's words are `<prefix>.<name>` (label) and `<prefix>.<name>.info` in the locales.
"""

from __future__ import annotations

import types
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import gradio as gr

from common.languages import ENGLISH
from common.wording import placeless
from ui.translations import t, texts

Kind = Literal["switch", "auto_switch", "choice", "integer", "number", "text"]


@dataclass(frozen=True)
class Field:
    """One knob, as the form needs it."""

    name: str
    kind: Kind
    default: Any
    choices: tuple[Any, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    unit: str = ""
    group: str = "advanced"


def named(names: Iterable[str]) -> list[tuple[str, str]]:
    """(shown, value) for a dropdown of models: of a folder of this machine its last part is shown."""
    return [(placeless(name), name) for name in names]


def fields_of(config: type, group: str = "") -> list[Field]:
    """The knobs of a config dataclass, in its order; of one `group` only where it is given."""
    hints = get_type_hints(config)
    knobs = []
    for field in fields(config):
        metadata = field.metadata
        default = field.default if field.default is not MISSING else None
        choices = tuple(metadata.get("choices") or _literals(hints[field.name]))
        knob = Field(
            name=field.name,
            kind=_kind(hints[field.name], choices),
            default=default,
            choices=choices,
            minimum=metadata.get("min"),
            maximum=metadata.get("max"),
            unit=str(metadata.get("unit", "")),
            group=str(metadata.get("group", "advanced")),
        )
        if not group or knob.group == group:
            knobs.append(knob)
    return knobs


def component(field: Field, prefix: str) -> gr.components.Component:
    """The component that edits `field`; must be called inside a Blocks context."""
    words: dict[str, Any] = {"label": t(f"{prefix}.{field.name}"), "info": t(f"{prefix}.{field.name}.info")}
    if field.kind == "switch":
        return gr.Checkbox(value=bool(field.default), **words)
    if field.kind == "auto_switch":
        options = [(t(f"{prefix}.{option}"), option) for option in ("auto", "true", "false")]
        return gr.Dropdown(options, value=_switch_word(field.default), **words)
    if field.kind == "choice":
        named = [(_choice_words(prefix, field.name, choice), choice) for choice in field.choices]
        return gr.Dropdown(named, value=field.default, filterable=False, **words)
    if field.kind == "text":
        return gr.Textbox(value=field.default or "", lines=2 if field.unit == "lines" else 1, **words)
    if field.group == "method" and field.minimum is not None and field.maximum is not None:
        return gr.Slider(field.minimum, field.maximum, field.default, step=1, **words)
    return gr.Number(
        value=field.default,
        precision=0 if field.kind == "integer" else None,
        minimum=field.minimum,
        maximum=field.maximum,
        **words,
    )


def build(knobs: Iterable[Field], prefix: str, columns: int = 2) -> dict[str, gr.components.Component]:
    """name -> component, laid out in rows of `columns`."""
    knobs = list(knobs)
    components: dict[str, gr.components.Component] = {}
    for start in range(0, len(knobs), columns):
        with gr.Row(equal_height=True, elem_classes="knob-row"):
            for knob in knobs[start : start + columns]:
                components[knob.name] = component(knob, prefix)
    return components


def settings(knobs: Sequence[Field], values: Mapping[str, Any]) -> dict[str, Any]:
    """What the form holds, as settings for the config: an emptied number or text means its default."""
    chosen: dict[str, Any] = {}
    for knob in knobs:
        value = values.get(knob.name)
        if value is None or value == "":
            continue
        if knob.kind == "auto_switch":
            value = {"auto": None, "true": True, "false": False}[value]
        elif knob.kind == "integer":
            value = int(value)
        elif knob.kind == "number":
            value = float(value)
        chosen[knob.name] = value
    return chosen


def _choice_words(prefix: str, name: str, choice: Any) -> Any:
    """`<prefix>.<name>.<choice>` where the locales have it, else the choice itself."""
    key = f"{prefix}.{name}.{choice}"
    return t(key) if key in texts(ENGLISH) else str(choice)


def _kind(hint: Any, choices: Sequence[Any]) -> Kind:
    options = [option for option in _union(hint) if option is not type(None)]
    if choices:
        return "choice"
    if options == [bool]:
        return "auto_switch" if len(_union(hint)) > 1 else "switch"
    if options == [int]:
        return "integer"
    if float in options:
        return "number"
    return "text"


def _union(hint: Any) -> tuple[Any, ...]:
    return get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)


def _literals(hint: Any) -> tuple[Any, ...]:
    return get_args(hint) if get_origin(hint) is Literal else ()


def _switch_word(value: bool | None) -> str:
    return "auto" if value is None else str(value).lower()
