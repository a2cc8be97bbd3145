"""Lanes and deliveries in PostgreSQL."""
