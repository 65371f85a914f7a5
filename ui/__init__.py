"""The pages. Gradio lives here alone: a tab lays out, wires, and calls a service."""
