"""Give executions that a hook recorded the numbers that Kiro wrote about them afterwards."""
