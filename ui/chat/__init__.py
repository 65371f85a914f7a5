"""The Chat tab, alternatives to training, red team."""

__all__ = ["alternatives_tab", "alternatives_view", "chat_tab", "red_team_tab", "safety_view"]
