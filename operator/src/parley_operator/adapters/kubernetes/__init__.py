"""The Kubernetes API server: how to reach it, and what is read and written there."""
