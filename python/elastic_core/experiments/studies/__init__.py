"""The studies, one file or folder each; `registry` finds those that run in cells by name."""
