"""Readers of Kiro's own files, which have the credits, models and times of its turns.

Nothing here writes. docs/real-numbers.md says what is read, from where, and what is assumed.
"""
