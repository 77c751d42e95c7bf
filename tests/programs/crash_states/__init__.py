"""Replays what a power loss can leave of every file that the program writes."""
