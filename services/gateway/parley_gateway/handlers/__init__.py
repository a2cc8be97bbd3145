"""The use cases of the gateway, one file each."""
