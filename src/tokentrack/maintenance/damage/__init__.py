"""Find damaged lines and say how each can be repaired."""
