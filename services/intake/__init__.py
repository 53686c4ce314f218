"""The process that takes messages in: frames, reads, stores in Kafka, and only then answers."""
