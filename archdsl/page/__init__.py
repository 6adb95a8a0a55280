"""A network as one file for a browser: picture, table, arithmetic and text, linked. It asks nothing of any server."""
