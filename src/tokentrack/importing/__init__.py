"""Import the history that Kiro, or another instance of this program, already has."""
