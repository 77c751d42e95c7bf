"""How rows and events reach the disk and are read back: nothing here knows Kiro."""
