"""Results for people and programs: shared parts here, a folder for each kind of result."""
