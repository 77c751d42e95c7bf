"""Join executions that a hook recorded with the numbers that Kiro wrote about them afterwards."""
