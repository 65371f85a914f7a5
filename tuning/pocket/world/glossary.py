"""The terms of fine-tuning, defined for the pocket world in English and Spanish. Data only."""

from __future__ import annotations

from tuning.pocket.world.facts import Language

GLOSSARY: dict[str, dict[Language, tuple[str, ...]]] = {}


def _term(key: str, en: str, es: str) -> None:
    """Term and definitions, parted by `|`, in both languages."""
    GLOSSARY[key] = {
        "en": tuple(part.strip() for part in en.split("|")),
        "es": tuple(part.strip() for part in es.split("|")),
    }


for _key, _en, _es in (
    (
        "llm",
        (
            "an LLM | An LLM is a large language model: it predicts the next token. | An LLM is a network "
            "that continues text."
        ),
        (
            "un LLM | Un LLM es un modelo de lenguaje grande: predice el siguiente token. | Un LLM es una "
            "red que continúa textos."
        ),
    ),
    (
        "token",
        (
            "a token | A token is a piece of text, often a part of a word. | A token is the unit that a "
            "model reads and writes."
        ),
        (
            "un token | Un token es un trozo de texto, a menudo parte de una palabra. | Un token es la "
            "unidad que un modelo lee y escribe."
        ),
    ),
    (
        "lora",
        ("LoRA | LoRA trains two small matrices beside the frozen weights. | LoRA is a way of tuning few parameters."),
        (
            "LoRA | LoRA entrena dos matrices pequeñas junto a los pesos congelados. | LoRA es una forma "
            "de ajustar pocos parámetros."
        ),
    ),
    (
        "adapter",
        ("an adapter | An adapter is a small set of weights added to a base model. | An adapter is what LoRA learns."),
        (
            "un adaptador | Un adaptador es un conjunto pequeño de pesos añadido a un modelo base. | Un "
            "adaptador es lo que aprende LoRA."
        ),
    ),
    (
        "dpo",
        ("DPO | DPO learns directly from pairs of preferred and rejected replies. | DPO needs no reward model."),
        (
            "DPO | DPO aprende directamente de pares de respuestas preferidas y rechazadas. | DPO no "
            "necesita modelo de recompensa."
        ),
    ),
    (
        "rlhf",
        ("RLHF | RLHF is learning from human feedback with a reward. | RLHF tunes a model with what people prefer."),
        (
            "RLHF | RLHF es aprender de la opinión humana con una recompensa. | RLHF ajusta un modelo con "
            "lo que la gente prefiere."
        ),
    ),
    (
        "reward",
        "a reward model | A reward model scores replies as people would. | A reward model learns from votes.",
        (
            "un modelo de recompensa | Un modelo de recompensa puntúa respuestas como lo haría la gente. | "
            "Un modelo de recompensa aprende de votos."
        ),
    ),
    (
        "overfitting",
        ("overfitting | Overfitting is learning the examples by heart. | Overfitting is when the held-out loss rises."),
        (
            "el sobreajuste | El sobreajuste es aprender los ejemplos de memoria. | El sobreajuste es "
            "cuando sube la pérdida de validación."
        ),
    ),
    (
        "heldout",
        ("a held-out set | A held-out set is data that never trains. | A held-out set measures what was learned."),
        (
            "un conjunto reservado | Un conjunto reservado son datos que nunca entrenan. | Un conjunto "
            "reservado mide lo aprendido."
        ),
    ),
    (
        "finetuning",
        (
            "fine-tuning | Fine-tuning is training a model a little more on your own data. | Fine-tuning "
            "changes how a model answers."
        ),
        (
            "el ajuste fino | El ajuste fino es entrenar un poco más un modelo con datos propios. | El "
            "ajuste fino cambia cómo responde un modelo."
        ),
    ),
    (
        "base",
        ("a base model | A base model continues text and has no manners yet. | A base model is what one tunes."),
        (
            "un modelo base | Un modelo base continúa textos y aún no tiene modales. | Un modelo base es "
            "lo que se ajusta."
        ),
    ),
    (
        "prompt",
        "a prompt | A prompt is the text that a model is given. | A prompt is what you ask.",
        "un prompt | Un prompt es el texto que se da a un modelo. | Un prompt es lo que usted pregunta.",
    ),
    (
        "gradient",
        (
            "a gradient | A gradient says how to change the weights to lower the loss. | A gradient is the "
            "slope of the loss."
        ),
        (
            "un gradiente | Un gradiente dice cómo cambiar los pesos para bajar la pérdida. | Un gradiente "
            "es la pendiente de la pérdida."
        ),
    ),
    (
        "rate",
        (
            "the learning rate | The learning rate is the size of a step. | The learning rate says how "
            "fast a model learns."
        ),
        (
            "la tasa de aprendizaje | La tasa de aprendizaje es el tamaño del paso. | La tasa de "
            "aprendizaje dice lo rápido que aprende un modelo."
        ),
    ),
    (
        "epoch",
        "an epoch | An epoch is one pass over all the data. | An epoch ends when every row was seen.",
        (
            "una época | Una época es una pasada por todos los datos. | Una época acaba cuando se han "
            "visto todas las filas."
        ),
    ),
    (
        "kl",
        ("KL | KL measures how far a policy has moved from its reference. | KL is a distance between distributions."),
        (
            "KL | KL mide cuánto se ha alejado una política de su referencia. | KL es una distancia entre "
            "distribuciones."
        ),
    ),
    (
        "temperature",
        "temperature | Temperature says how freely a model samples. | A low temperature makes replies alike.",
        (
            "la temperatura | La temperatura dice con cuánta libertad muestrea un modelo. | Una "
            "temperatura baja da respuestas parecidas."
        ),
    ),
    (
        "rag",
        ("RAG | RAG looks for passages first and answers with them. | RAG gives a model facts that it never learned."),
        ("RAG | RAG busca primero pasajes y responde con ellos. | RAG da a un modelo datos que nunca aprendió."),
    ),
    (
        "loss",
        "the loss | The loss says how wrong the predictions are. | The loss falls while a model learns.",
        (
            "la pérdida | La pérdida dice cuánto se equivocan las predicciones. | La pérdida baja mientras "
            "un modelo aprende."
        ),
    ),
    (
        "policy",
        "a policy | A policy is a model that answers. | A policy is a base with its adapter.",
        "una política | Una política es un modelo que responde. | Una política es una base con su adaptador.",
    ),
    (
        "forgetting",
        (
            "forgetting | Forgetting is losing old knowledge while learning new things. | Forgetting shows "
            "when old questions fail."
        ),
        (
            "el olvido | El olvido es perder lo sabido al aprender cosas nuevas. | El olvido se ve cuando "
            "fallan las preguntas viejas."
        ),
    ),
):
    _term(_key, _en, _es)
