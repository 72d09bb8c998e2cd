"""Log pipelines offline: records through exactly the filters that the stages are spelled as, without Fluentd.

run       run(key, pipeline, records) -> Outcome(outputs, quarantine); run_files(files, entry, trusted, logs) -> what came to outputs
tail      tailed(source, files) -> events of log files
engine    Engine(root, programs): labels, filters, outputs, errors as in Fluentd
plugins   the filters, pinned to recorded answers (tests/data/fluentd/pipelines.json)
programs  our Ruby programs in Python
events    Event, Arrived, Binary
"""
