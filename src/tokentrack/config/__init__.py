"""The configuration: its fields, where it is loaded from, and what a workspace may set."""
