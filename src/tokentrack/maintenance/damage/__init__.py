"""Find damaged lines, and what can be read of them."""
