"""Passes over modules: checks, and changes of a network together with its weights."""
