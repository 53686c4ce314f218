"""Mutation check: is every line and every limit of the rules held by a test? `make mutation`, by hand, outside CI.

`table.toml` says which files and which sections of the rule pack belong to which tests.
"""
