"""Parley on one machine: every service in this process, or each in its own."""
