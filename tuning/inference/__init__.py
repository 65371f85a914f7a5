"""Replies from models: batches of requests, sampling, engines here and elsewhere."""

__all__ = ["engine", "latency", "remote_engine", "reply_engine"]
