"""The embedded base model: its text, pretraining, instructions, checks."""
