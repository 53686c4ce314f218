"""Delivers: relays the outbox to Kafka and hands alerts to channels, from Postgres, with or without Kafka."""
