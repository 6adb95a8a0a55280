"""Pictures of a network: what is drawn, where it stands, and how Graphviz, Mermaid and SVG write it."""
