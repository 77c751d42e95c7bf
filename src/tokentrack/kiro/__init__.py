"""Where Kiro itself keeps credits, models and times, and the readers of those places.

Everything here only reads. docs/real-numbers.md says what is read where, and what is assumed.
"""
