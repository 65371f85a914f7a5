"""Experiments of a course: recipes, comparison of methods, search."""

__all__ = ["method_comparison", "recipes", "results", "search"]
