"""The HTTP surfaces: the REST API that clients see, and the control plane that tests see."""
