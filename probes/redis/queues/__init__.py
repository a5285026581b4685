"""Queues that live in Redis: BullMQ, Celery, RQ, Sidekiq, streams and plain lists, one module for each."""
