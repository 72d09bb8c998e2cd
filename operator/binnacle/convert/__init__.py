"""From other tools' SLOs into ours, with a report of what became of every field."""
