"""One file for each use case: gather a batch, let the rules decide, commit, and do what follows."""
