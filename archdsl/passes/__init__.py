"""Passes: checks of a network, and what makes one network of another and says where every tensor comes from."""
