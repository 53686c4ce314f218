"""What a message is: contracts shared by every process. No I/O; imports nothing of ours but itself."""
