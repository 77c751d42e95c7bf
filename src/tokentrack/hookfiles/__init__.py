"""Kiro's hook files: find, check, install, uninstall and migrate them."""
