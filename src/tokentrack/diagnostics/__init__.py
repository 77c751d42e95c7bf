"""Find out whether turns are recorded here, why not, and how to fix it."""
