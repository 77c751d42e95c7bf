"""What a power loss can leave of every file that is written, put down and looked at."""
