"""Amazon SQS: what waits in queues, what died, and how to put it back, throw it away or look at it."""
