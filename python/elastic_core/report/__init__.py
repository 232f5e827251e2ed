"""Documents, and a renderer per output: terminal, Markdown, CSV, LaTeX, HTML and plot."""
