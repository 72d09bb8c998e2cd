"""Fluentd as Fluentd sees it: its language read without running it, its values, its routing, and what its dry run misses.

    grammar   parse(text, *, files=None, name="fluent.conf", ruby_in_json=True) -> Parsed; raises FluentdSyntaxError(problem, file, line)
    sections  Parsed(root, ruby, warnings, included, empty_includes, inner_includes, duplicates); Section(name, argument, params,
              sections, file, line) with .get(key), .all(name); Computed(parts), RubyCode(code, file, line); written(elements) -> Section
    lint      lint(parsed, *, whole=True, trusted=frozenset(), roots=()) -> tuple[Finding, ...]; lint_text(text, ...) the same
    match     matcher(argument).matches(tag); way(section, tag) -> Way(filters, output); covers(wider, narrower); PatternError
    types     size, time, boolean, integer, floating, string, regexp, enumeration, array, mapping, parameter; ParameterError
    rubyjson  canonical(text), read(text), ruby_text(value), ruby_float(value): JSON and texts of values as Ruby has them

All pure: no file, process or network is touched. What each says is pinned to answers of real Fluentd (tests/data/fluentd).
"""
