"""The `parley` command: the whole stack on one machine, and the everyday questions to a running one."""
