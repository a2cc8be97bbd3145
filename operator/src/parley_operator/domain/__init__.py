"""What follows from what was seen: pure functions from facts to the next step and the conditions."""
