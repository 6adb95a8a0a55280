"""What a picture of a network is made of, from the hierarchy of modules to columns of boxes."""
