"""Answers as text: tables, bars and sparklines, JSON, CSV and Markdown."""
