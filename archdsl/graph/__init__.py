"""Syntax tree to modules: values and scopes, elaboration, the hierarchy of modules and the facts about it."""
