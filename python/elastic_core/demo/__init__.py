"""The demo: corpora, their trees, the elastic law, two rebounds and a report."""
