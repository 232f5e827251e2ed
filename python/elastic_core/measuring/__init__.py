"""The main job: statistics and rates of corpora and models."""
