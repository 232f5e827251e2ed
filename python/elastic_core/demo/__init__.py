"""The whole story on made-up text: corpora, their trees, the elastic law, a rebound, its report."""
