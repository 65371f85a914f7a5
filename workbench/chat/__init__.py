"""Chatting with models side by side, and rating their replies."""

__all__ = ["alternatives", "chat_service", "thumbs"]
