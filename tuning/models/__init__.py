"""Base models and adapters: what there is, how it is loaded, adapted, scaled, merged."""

__all__ = [
    "adapter_io",
    "bottleneck",
    "hub",
    "import_patches",
    "lazy_imports",
    "loader",
    "model_info",
    "peft_methods",
    "references",
    "scaling",
]
