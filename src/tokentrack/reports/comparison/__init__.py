"""A report next to another time, or broken down."""
