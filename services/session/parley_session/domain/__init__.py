"""The session rules as pure functions: values in, values and effects out. No clock, no randomness, no I/O."""
