"""Single turns: lists, search, one turn with its rows, and reading rows back."""
