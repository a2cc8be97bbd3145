"""One module for each use case, named by its verb."""
