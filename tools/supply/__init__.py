"""The packages of others that the feed is made of, tested and deployed with: what they are, their licences, their
known faults."""
