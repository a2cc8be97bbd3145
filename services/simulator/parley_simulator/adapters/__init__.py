"""Sockets: the listeners and the client that calls webhooks."""
