"""Find out why turns are not recorded here, and the command that mends it."""
