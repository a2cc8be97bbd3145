"""The story that `parley demo` tells, and how it is told."""
