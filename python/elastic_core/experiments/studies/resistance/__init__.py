"""Resistance: whether it is easier to return to an earlier model than to reach a later one."""
