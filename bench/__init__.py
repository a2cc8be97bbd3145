"""Measures how many turns a second Parley sustains on this machine, and where the time goes."""
