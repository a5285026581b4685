"""Clouds made of documents: an API server of Kubernetes, Amazon ECS and Amazon SQS, with very many objects.

Each speaks the real protocol on a loopback port and has its answers ready, so that what is measured is the program that
asks. What they serve is written after the services' own references; only the standard library is used.
"""
