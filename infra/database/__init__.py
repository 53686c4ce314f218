"""Migrations of Halo's database."""
