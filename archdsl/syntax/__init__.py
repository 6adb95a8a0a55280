"""Text to syntax tree. The only package that knows lark."""
