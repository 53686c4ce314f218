"""One way of reaching somebody a file. Each says whether trying again can help; the sender never gives up anyway."""
