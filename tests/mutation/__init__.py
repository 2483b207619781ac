"""Mutation testing: the code that decides is changed in small ways, and some test must notice each change."""
