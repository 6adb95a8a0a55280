"""The hierarchy of modules: what a network is, however it came about."""
