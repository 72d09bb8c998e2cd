"""Fluentd as Fluentd sees it."""
