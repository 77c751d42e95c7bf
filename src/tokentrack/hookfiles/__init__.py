"""Check Kiro hook files of every form: find them, read them, name what is wrong with them."""
