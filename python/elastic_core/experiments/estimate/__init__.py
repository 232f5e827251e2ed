"""How long a run takes: its plan, a trial of its parts, and the schedule of its cells."""
