"""Migrations and named queries."""
