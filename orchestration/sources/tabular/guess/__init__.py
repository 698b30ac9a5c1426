"""What a table nobody has described probably means: a guess that a person confirms, as a mapping.

Belongs here: dialect, types, names, the draft and its trial. Does not belong here: asking the person (map_command.py),
and anything that lands: a guess counts only once it is a mapping in YAML.
"""
