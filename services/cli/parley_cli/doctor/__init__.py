"""What `parley doctor` examines: each check is a function that returns findings and raises nothing."""
