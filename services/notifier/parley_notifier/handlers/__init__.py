"""The use cases: gather in a batch, let the domain decide, commit, then do what follows."""
