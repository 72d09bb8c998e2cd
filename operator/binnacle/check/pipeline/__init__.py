"""Log pipelines offline: records through exactly the filters that the stages are spelled as, without Fluentd.

run       Offline(key, pipeline).run(records) -> Outcome(outputs, quarantine)
engine    Engine(root, programs): labels, filters, outputs, errors as in Fluentd
plugins   the filters, pinned to recorded answers (tests/data/fluentd/pipelines.json)
programs  our Ruby programs in Python
events    Event, Arrived, Binary
"""
