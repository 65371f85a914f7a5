"""Judging: rounds, comparisons, votes, and what they are worth. Knows nothing of torch or Gradio."""
