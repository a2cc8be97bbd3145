"""What the gateway stands on: the HTTP server, gRPC clients, mounted files."""
