"""The configuration: its fields, its sources in their order, and what a workspace may set."""
