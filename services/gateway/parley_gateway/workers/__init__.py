"""The loops that run beside the webhooks, one file each."""
